use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{KnownIssuer, KnownIssuers, KnownIssuersError};
use crate::{store::Folder, world::World};

/// The file's name, in the folder of what the user has decided.
const FILE: &str = "issuers.json";

/// The lock under which it is changed.
const LOCK: &str = "issuers.lock";

/// How long another process may take to change it: it reads one file and writes it.
const PATIENCE: Duration = Duration::from_secs(10);

const API_VERSION: &str = "datalab/v1";
const KIND: &str = "KnownIssuers";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    issuers: Vec<KnownIssuer>,
}

impl KnownIssuers {
    /// The folder of what this user has decided.
    ///
    /// # Errors
    /// [`KnownIssuersError::NoPlace`].
    pub fn folder(world: &World) -> Result<PathBuf, KnownIssuersError> {
        let folder = world.environment().configuration();
        folder.ok_or(KnownIssuersError::NoPlace)
    }

    /// Reads the file in this folder; none is an empty one.
    ///
    /// # Errors
    /// [`KnownIssuersError`]: it is not ours alone, or cannot be understood.
    pub fn load(folder: &Path) -> Result<Self, KnownIssuersError> {
        match Folder::open(folder)? {
            Some(folder) => Self::read(&folder),
            None => Ok(Self::default()),
        }
    }

    /// Changes the file in this folder, which is made if it is missing, with nobody else changing
    /// it meanwhile. What is the same afterwards is not written.
    ///
    /// # Errors
    /// [`KnownIssuersError`]; what was there before is there still.
    pub async fn update(
        folder: &Path,
        world: &World,
        change: impl FnOnce(&mut Self),
    ) -> Result<Self, KnownIssuersError> {
        let folder = Folder::open_or_make(folder)?;
        let _lock = folder.lock(LOCK, PATIENCE, |_| {}).await?;
        let before = Self::read(&folder)?;
        let mut known = before.clone();
        change(&mut known);
        if known != before {
            let document = Document {
                api_version: API_VERSION.to_owned(),
                kind: KIND.to_owned(),
                issuers: known.issuers.clone(),
            };
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| malformed(&folder, error.to_string()))?;
            folder.write(FILE, format!("{text}\n").as_bytes(), world)?;
        }
        Ok(known)
    }

    /// Where the file lies in this folder, for messages.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    fn read(folder: &Folder) -> Result<Self, KnownIssuersError> {
        let Some(content) = folder.read(FILE)? else {
            return Ok(Self::default());
        };
        let document: Document = serde_json::from_slice(&content)
            .map_err(|error| malformed(folder, error.to_string()))?;
        if document.api_version != API_VERSION || document.kind != KIND {
            let Document {
                api_version, kind, ..
            } = document;
            return Err(malformed(
                folder,
                format!("it is {kind} of {api_version}, not {KIND} of {API_VERSION}"),
            ));
        }
        Ok(Self {
            issuers: document.issuers,
        })
    }
}

fn malformed(folder: &Folder, reason: String) -> KnownIssuersError {
    KnownIssuersError::Malformed {
        file: folder.path().join(FILE),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use jiff::Timestamp;

    use super::*;
    use crate::oidc::{Audience, Familiarity};

    const ISSUER: &str = "https://auth.example/realms/lab";
    const SERVER: &str = "https://api.example:6443";

    fn world() -> World {
        World::test(Timestamp::UNIX_EPOCH, []).0
    }

    fn audience(name: &str, scope: Option<&str>, client_id: Option<&str>) -> Audience {
        Audience {
            name: name.to_owned(),
            scope: scope.map(str::to_owned),
            client_id: client_id.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn what_was_agreed_to_is_known_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("kubectl-datalab");
        assert_eq!(
            KnownIssuers::load(&folder).unwrap(),
            KnownIssuers::default()
        );
        let known = KnownIssuers::update(&folder, &world(), |known| {
            let entry = known.entry(ISSUER, "kubernetes");
            entry.add_server(SERVER);
            entry.add_server(&format!("{SERVER}/"));
            entry.set_audience(audience("s3", Some("minio"), None));
            entry.set_audience(audience("vault", None, Some("vault")));
            entry.set_audience(audience("s3", Some("s3"), None));
        })
        .await
        .unwrap();
        assert_eq!(KnownIssuers::load(&folder).unwrap(), known);
        let file = folder.join(FILE);
        insta::assert_snapshot!(fs::read_to_string(&file).unwrap(), @r#"
        {
          "apiVersion": "datalab/v1",
          "kind": "KnownIssuers",
          "issuers": [
            {
              "issuer": "https://auth.example/realms/lab",
              "clientId": "kubernetes",
              "servers": [
                "https://api.example:6443"
              ],
              "audiences": [
                {
                  "name": "s3",
                  "scope": "s3"
                },
                {
                  "name": "vault",
                  "clientId": "vault"
                }
              ]
            }
          ]
        }
        "#);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));

        for (issuer, client, server, familiarity) in [
            (ISSUER, "kubernetes", Some(SERVER), Familiarity::Known),
            (ISSUER, "kubernetes", None, Familiarity::Known),
            (
                ISSUER,
                "kubernetes",
                Some("https://other.example"),
                Familiarity::NewServer,
            ),
            (ISSUER, "other", Some(SERVER), Familiarity::NewIssuer),
            (
                "https://auth.example/realms/lab/",
                "kubernetes",
                Some(SERVER),
                Familiarity::NewIssuer,
            ),
        ] {
            assert_eq!(
                known.familiarity(issuer, client, server),
                familiarity,
                "{issuer} {client} {server:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_understood_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let file = folder.path().join(FILE);
        for text in [
            "{",
            r#"{"apiVersion":"datalab/v2","kind":"KnownIssuers","issuers":[]}"#,
        ] {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let refused = KnownIssuers::update(folder.path(), &world(), |known| {
                known.entry(ISSUER, "kubernetes");
            })
            .await
            .unwrap_err();
            assert!(matches!(refused, KnownIssuersError::Malformed { .. }));
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        // A file that others may write could hold an issuer of theirs.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let refused = KnownIssuers::load(folder.path()).unwrap_err();
        assert!(matches!(refused, KnownIssuersError::Store(_)), "{refused}");
    }
}
