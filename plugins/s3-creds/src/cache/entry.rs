use std::path::PathBuf;

use data_encoding::HEXLOWER;
use datalab_core::store::{Folder, KeyPlace, SealError};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Secrets;
use crate::{
    bearer::Binding,
    issue::MARGIN,
    issued::{Credentials, Server},
};

const API_VERSION: &str = "datalab/v1";
const KIND: &str = "S3Credentials";

/// What keys were asked for: the same for the same question only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    pub(crate) sts_url: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) session_name: String,
    /// A number of seconds, or how it was said.
    pub(crate) duration: String,
    pub(crate) policy: Option<String>,
    /// Whose login, and which of its tokens.
    pub(crate) bearer: String,
}

impl Key {
    /// The length of its names, in hex digits.
    pub(super) const NAME_LENGTH: usize = 32;

    /// A name for files: the same for the same key only.
    pub(crate) fn file_name(&self) -> String {
        let text = serde_json::json!(self).to_string();
        HEXLOWER.encode(&Sha256::digest(text)[..Self::NAME_LENGTH / 2])
    }
}

/// Keys as they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// The store, and the platform's name for the role.
    pub(crate) store_url: String,
    pub(crate) profile: Option<String>,
    /// What the token service calls itself.
    pub(crate) server: Server,
    /// Whoever they are for.
    pub(crate) bound: Binding,
    pub(crate) obtained: Timestamp,
    /// Until when they hold, by this machine's clock.
    pub(crate) expires: Timestamp,
    /// What the server agreed to, in seconds.
    pub(crate) asked_seconds: u64,
    /// The authorities that the store's certificate needs beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) secrets: Secrets,
}

/// An entry as it stands in its file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<E> {
    api_version: String,
    kind: String,
    #[serde(flatten)]
    entry: E,
}

impl Entry {
    /// Reads an entry; `None` when it is none of this version's.
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let document: Document<Self> = serde_json::from_slice(content).ok()?;
        let is_ours = document.api_version == API_VERSION && document.kind == KIND;
        is_ours.then_some(document.entry)
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let document = Document {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            entry: self,
        };
        let mut bytes = Zeroizing::new(serde_json::to_vec(&document).unwrap_or_default());
        bytes.push(b'\n');
        bytes
    }

    /// Where what seals it lies; `None` when it is kept in clear.
    pub(crate) fn key_place(&self) -> Option<KeyPlace> {
        self.secrets.key_place()
    }

    /// The keys themselves.
    pub(crate) fn credentials(&self, folder: &Folder) -> Result<Credentials, SealError> {
        self.secrets.credentials(&self.key, self.expires, folder)
    }

    /// How long they hold in all.
    pub(crate) fn lifetime(&self) -> SignedDuration {
        self.expires.duration_since(self.obtained)
    }

    /// Until when they are handed out without a thought of the next ones: with `margin` left, or a
    /// quarter of their life where the server gives so little that the usual margin would be most of
    /// it. Who wants another margin has it, as long as any keys can have so much left.
    pub(crate) fn fresh_until(&self, margin: SignedDuration) -> Timestamp {
        let life = self.lifetime().max(SignedDuration::ZERO);
        let can_be_had = margin != MARGIN && margin < life;
        self.expires
            - if can_be_had {
                margin
            } else {
                margin.min(life / 4)
            }
    }
}

#[cfg(test)]
mod tests {
    use datalab_core::{words::Secret, world::World};

    use super::*;

    fn key() -> Key {
        Key {
            sts_url: "https://sts.example".to_owned(),
            role_arn: None,
            session_name: "alice".to_owned(),
            duration: "3600".to_owned(),
            policy: None,
            bearer: "b".to_owned(),
        }
    }

    fn entry(seconds: i64) -> Entry {
        let credentials = Credentials {
            access_key_id: "AK".to_owned(),
            secret_access_key: Secret::new("SK".to_owned()),
            session_token: Some(Secret::new("ST".to_owned())),
            expiration: None,
        };
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
        Entry {
            secrets: Secrets::of(&credentials, &key(), None, &world).unwrap(),
            key: key(),
            store_url: "https://s3.example".to_owned(),
            profile: None,
            server: Server::Other,
            bound: Binding {
                issuer: "i".to_owned(),
                subject: "s".to_owned(),
                username: "alice".to_owned(),
                logged_in: None,
                described: "d".to_owned(),
            },
            obtained: Timestamp::UNIX_EPOCH,
            expires: Timestamp::from_second(seconds).unwrap(),
            asked_seconds: 3600,
            ca_file: None,
        }
    }

    #[test]
    fn keys_are_renewed_with_the_margin_left_or_a_quarter_of_a_short_life() {
        let margin = SignedDuration::from_mins(15);
        for (life, fresh) in [(86_400, 85_500), (3600, 2700), (900, 675), (4, 3), (0, 0)] {
            assert_eq!(entry(life).fresh_until(margin).as_second(), fresh, "{life}");
        }
    }

    #[test]
    fn who_wants_another_margin_has_it_if_it_can_be_had() {
        for (life, minutes, fresh) in [(3600, 30, 1800), (3600, 5, 3300), (3600, 90, 2700)] {
            let margin = SignedDuration::from_mins(minutes);
            assert_eq!(entry(life).fresh_until(margin).as_second(), fresh, "{life}");
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let text = String::from_utf8(entry(10).to_bytes().to_vec()).unwrap();
        assert!(Entry::parse(text.as_bytes()).is_some());
        for other in [
            text.replace("datalab/v1", "datalab/v2"),
            text.replace("\"key\"", "\"other\""),
            text[..text.len() / 2].to_owned(),
            String::new(),
        ] {
            assert!(Entry::parse(other.as_bytes()).is_none(), "{other}");
        }
        assert!(!format!("{:?}", entry(10)).contains("SK"));
    }

    #[test]
    fn every_part_of_the_question_counts() {
        let one = key();
        let others = [
            Key {
                sts_url: "https://sts.example/".to_owned(),
                ..one.clone()
            },
            Key {
                role_arn: Some(String::new()),
                ..one.clone()
            },
            Key {
                session_name: "bob".to_owned(),
                ..one.clone()
            },
            Key {
                duration: "max".to_owned(),
                ..one.clone()
            },
            Key {
                policy: Some("{}".to_owned()),
                ..one.clone()
            },
            Key {
                bearer: "c".to_owned(),
                ..one.clone()
            },
        ];
        for other in others {
            assert_ne!(one.file_name(), other.file_name(), "{other:?}");
        }
    }
}
