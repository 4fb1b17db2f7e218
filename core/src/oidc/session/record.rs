use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::secrets::Secrets;
use crate::{
    oidc::{Error, Identity, Tokens},
    store::{KeyPlace, SealError, Sealed, Sealer},
    world::{Parent, World},
};

/// Less is left when kube-based programs ask anew (60 s), and then some.
const FRESH: SignedDuration = SignedDuration::from_secs(90);

/// What a clock may be off, and a request may take, before a token that is called good is not.
pub(super) const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// A kept login, as it stands in its file. Its secrets are sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    api_version: String,
    kind: String,
    /// What it is a session of.
    pub identity: Identity,
    /// Who logged in: the issuer's own id.
    pub subject: String,
    /// Who logged in: the name to show.
    pub username: String,
    /// What was asked for at the login, beside `openid`.
    pub scopes: Vec<String>,
    /// Certificate authorities of the issuer, beside the system's.
    pub authorities: Vec<PathBuf>,
    /// When somebody logged in.
    pub logged_in: Timestamp,
    /// When the token was got.
    pub refreshed: Timestamp,
    /// Until when the token holds, by this machine's clock.
    pub expires: Timestamp,
    /// When the session ends unless it is used, as far as the provider tells.
    pub ends: Option<Timestamp>,
    /// How many seconds the provider's clock is ahead.
    pub skew_seconds: i64,
    /// Which token it is, without saying it.
    pub token_id: String,
    /// Whether the provider gave a refresh token; without one the session ends with its token.
    #[serde(default = "yes")]
    pub renewable: bool,
    /// Whether the provider granted fewer scopes than were asked for, so that a refresh names none.
    #[serde(default)]
    pub(super) granted_fewer: bool,
    /// When a refresh last failed for a reason that may pass.
    #[serde(default)]
    pub(super) failed: Option<Failed>,
    /// When a refresh was last made because a server had refused the token.
    #[serde(default)]
    pub(super) forced: Option<Timestamp>,
    /// Files made from it that a logout removes.
    #[serde(default)]
    pub(super) replies: Vec<PathBuf>,
    secrets: Sealed,
}

/// Sessions were renewable before it was written down.
fn yes() -> bool {
    true
}

/// A refresh that failed for a reason that may pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Failed {
    pub(super) at: Timestamp,
    pub(super) reason: String,
    /// Whose question it was.
    pub(super) parent: Option<Parent>,
}

impl Record {
    /// The format's version and what it is; another one is not read.
    const API_VERSION: &'static str = "datalab/v1";
    const KIND: &'static str = "OidcSession";

    /// A session that begins, in the place of an earlier one if there is one.
    pub(super) fn begin(
        identity: &Identity,
        earlier: Option<Self>,
        scopes: &[String],
        authorities: &[PathBuf],
        tokens: &Tokens,
        sealer: &Sealer,
        world: &World,
    ) -> Result<(Self, Secrets), Error> {
        let now = world.now();
        let secrets = Secrets::of(tokens);
        let renewable = tokens.refresh_token.is_some();
        let record = Self {
            api_version: Self::API_VERSION.to_owned(),
            kind: Self::KIND.to_owned(),
            identity: identity.clone(),
            subject: tokens.claims.subject().to_owned(),
            username: tokens.claims.username().to_owned(),
            scopes: scopes.to_vec(),
            authorities: authorities.to_vec(),
            logged_in: now,
            refreshed: now,
            expires: tokens.expires,
            ends: match renewable {
                true => tokens.session_ends,
                false => Some(tokens.expires),
            },
            skew_seconds: tokens.skew.as_secs(),
            token_id: secrets.token_id(),
            renewable,
            granted_fewer: false,
            failed: None,
            forced: None,
            replies: earlier.map(|record| record.replies).unwrap_or_default(),
            secrets: secrets.sealed(identity, sealer, world)?,
        };
        Ok((record, secrets))
    }

    /// Takes in what a refresh brought.
    pub(super) fn renew(
        &mut self,
        secrets: &mut Secrets,
        tokens: &Tokens,
        now: Timestamp,
    ) -> Result<(), Error> {
        let claims = &tokens.claims;
        let name = claims.text("preferred_username");
        for (was, is) in [
            (self.subject.as_str(), claims.subject()),
            // The token of a refresh may hold less: OpenID Connect Core, section 12.2.
            (&self.username, name.unwrap_or(&self.username)),
        ] {
            if was != is {
                return Err(Error::OtherAccount {
                    wanted: was.to_owned(),
                    found: is.to_owned(),
                });
            }
        }
        secrets.renew(tokens);
        self.refreshed = now;
        self.expires = tokens.expires;
        self.ends = tokens.session_ends.or(self.ends);
        self.skew_seconds = tokens.skew.as_secs();
        self.failed = None;
        Ok(())
    }

    pub(super) fn seal(
        &mut self,
        secrets: &Secrets,
        sealer: &Sealer,
        world: &World,
    ) -> Result<(), SealError> {
        self.secrets = secrets.sealed(&self.identity, sealer, world)?;
        self.token_id = secrets.token_id();
        Ok(())
    }

    pub(super) fn open(&self, sealer: &Sealer) -> Result<Secrets, SealError> {
        Secrets::open(&self.secrets, &self.identity, sealer)
    }

    /// Where the key of its secrets lies.
    pub fn key_place(&self) -> KeyPlace {
        self.secrets.key
    }

    pub(super) fn parse(content: &[u8], identity: Option<&Identity>) -> Result<Self, String> {
        let record: Self = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        if record.api_version != Self::API_VERSION || record.kind != Self::KIND {
            return Err(format!(
                "it is a {} of {}, which this version does not know",
                record.kind, record.api_version
            ));
        }
        match identity {
            Some(identity) if *identity != record.identity => {
                Err("it is the session of another identity".to_owned())
            }
            _ => Ok(record),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = serde_json::json!(self).to_string();
        text.push('\n');
        text.into_bytes()
    }

    /// How long its token holds in all.
    fn lifetime(&self) -> SignedDuration {
        self.expires
            .duration_since(self.refreshed)
            .max(SignedDuration::ZERO)
    }

    /// Until when its token is handed out without a thought of the next one: with 90 s or a fifth
    /// of its lifetime left, but never less than half of it gone.
    pub fn fresh_until(&self) -> Timestamp {
        if !self.renewable {
            return self.stated_expiry();
        }
        let lifetime = self.lifetime();
        let left = FRESH.max(lifetime / 5).min(lifetime / 2);
        self.expires - left
    }

    /// What a program is told that keeps the token: a bit before its end.
    pub fn stated_expiry(&self) -> Timestamp {
        self.expires - MARGIN.min(self.lifetime() / 10)
    }

    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until()
    }

    /// Whether its token is still good, although it is time for the next one.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        now < self.stated_expiry()
    }

    /// Whether it was begun with all of these scopes.
    pub(super) fn covers(&self, scopes: &[String]) -> bool {
        scopes.iter().all(|scope| self.scopes.contains(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of a token that lasts so many seconds, got at second 0.
    fn lasting(seconds: i64) -> Record {
        let text = format!(
            r#"{{"apiVersion":"datalab/v1","kind":"OidcSession",
                "identity":{{"issuer":"https://a","clientId":"b","account":null}},
                "subject":"1","username":"u","scopes":["s"],"authorities":[],
                "loggedIn":"1970-01-01T00:00:00Z","refreshed":"1970-01-01T00:00:00Z",
                "expires":"{}","ends":null,"skewSeconds":0,"tokenId":"t",
                "secrets":{{"key":"file","nonce":"","text":""}}}}"#,
            Timestamp::from_second(seconds).unwrap()
        );
        Record::parse(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn a_token_is_exchanged_ahead_of_need_and_never_too_often() {
        // Lifetime, until when it is handed out, and the end that is stated, in seconds.
        for (lifetime, fresh_until, stated) in [
            (3600, 2880, 3570),
            (300, 210, 270),
            (120, 60, 108),
            (60, 30, 54),
            (10, 5, 9),
        ] {
            let record = lasting(lifetime);
            assert_eq!(record.fresh_until().as_second(), fresh_until, "{lifetime}");
            assert_eq!(record.stated_expiry().as_second(), stated, "{lifetime}");
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        let text = String::from_utf8(lasting(60).to_bytes()).unwrap();
        assert!(Record::parse(text.as_bytes(), None).is_ok());
        for other in [
            text.replace("datalab/v1", "datalab/v2"),
            text.replace("OidcSession", "Something"),
            text.replace("\"subject\"", "\"sub\""),
            text[..text.len() / 2].to_owned(),
        ] {
            assert!(Record::parse(other.as_bytes(), None).is_err(), "{other}");
        }
        let elsewhere = Identity {
            issuer: "https://other".to_owned(),
            client_id: "b".to_owned(),
            account: crate::oidc::Account(None),
        };
        assert!(Record::parse(text.as_bytes(), Some(&elsewhere)).is_err());
    }

    #[test]
    fn scopes_are_covered_one_by_one() {
        let record = lasting(60);
        assert!(record.covers(&[]) && record.covers(&["s".to_owned()]));
        assert!(!record.covers(&["s".to_owned(), "t".to_owned()]));
    }
}
