use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{
    report::{Failure, Kind},
    store::{self, Folder, LockError},
    world::World,
};

/// The file's name, in the folder of what the user has decided.
const FILE: &str = "issuers.json";

/// The lock under which it is changed.
const LOCK: &str = "issuers.lock";

/// How long another process may take to change it: it reads one file and writes it.
const PATIENCE: Duration = Duration::from_secs(10);

const API_VERSION: &str = "datalab/v1";
const KIND: &str = "KnownIssuers";

/// The issuers that the user has said yes to. A kubeconfig may come from a stranger, so that it
/// takes more than its word to send somebody to a login page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownIssuers {
    /// Those that are known.
    pub issuers: Vec<KnownIssuer>,
}

/// An issuer that the user has said yes to, with one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownIssuer {
    /// The issuer's URL, to the letter.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// The API servers that may be sent its tokens, as [`Way::to`] has them.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Other services that its tokens can be for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<Audience>,
    /// The file with the issuer's certificate authorities, where the system's are not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<PathBuf>,
    /// The platform whose word was taken for it, and is for where its services are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// A service that tokens of an issuer can be for: by a scope of the same client, or by a client of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audience {
    /// What the user calls it: `s3`, `vault`.
    pub name: String,
    /// The scope that makes a token good for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client whose tokens are good for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// How a kubeconfig leads to an API server, beside its URL: whoever chooses these chooses who reads
/// what is sent there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way<'a> {
    /// Certificate authorities of its own, as PEM.
    pub authorities: Option<&'a [u8]>,
    /// Whether its certificate is not checked at all.
    pub is_insecure: bool,
    /// A proxy of its own.
    pub proxy: Option<&'a str>,
    /// A name of its own to check the certificate against.
    pub tls_server_name: Option<&'a str>,
}

/// Stands between a server's URL and the digest of the way to it.
const BY: &str = " by ";

impl Way<'_> {
    /// A server by this way, as it is kept: its URL, and a digest of what is beside it, if anything.
    pub fn to(self, url: &str) -> String {
        let url = url.trim_end_matches('/');
        if self == Self::default() {
            return url.to_owned();
        }
        let mut digest = Sha256::new();
        let parts = [
            self.authorities,
            self.proxy.map(str::as_bytes),
            self.tls_server_name.map(str::as_bytes),
        ];
        for part in parts {
            // With the length before it, no two lists of parts are the same bytes.
            digest.update((part.map_or(0, <[u8]>::len) as u64).to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        digest.update([u8::from(self.is_insecure)]);
        let digest = HEXLOWER.encode(&digest.finalize()[..8]);
        format!("{url}{BY}{digest}")
    }
}

/// The URL of a server as it is kept, and whether it has a way of its own.
pub fn server_url(kept: &str) -> (&str, bool) {
    match kept.split_once(BY) {
        Some((url, _)) => (url, true),
        None => (kept, false),
    }
}

/// How far an issuer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Familiarity {
    /// Issuer and client are known, and so is the server.
    Known,
    /// Issuer and client are known, and their tokens have not gone to that server.
    NewServer,
    /// Neither is known.
    NewIssuer,
}

/// The file of known issuers cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KnownIssuersError {
    /// There is no home.
    #[error("there is no place to keep what you decide: neither HOME nor XDG_CONFIG_HOME is set")]
    NoPlace,
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Another process is changing it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It is not what it should be.
    #[error("{} cannot be understood: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

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

    /// The entry of this issuer and client.
    pub fn find(&self, issuer: &str, client_id: &str) -> Option<&KnownIssuer> {
        self.issuers
            .iter()
            .find(|known| known.issuer == issuer && known.client_id == client_id)
    }

    /// The entry of this issuer and client, which is made if it is missing.
    pub fn entry(&mut self, issuer: &str, client_id: &str) -> &mut KnownIssuer {
        let is_it = |known: &KnownIssuer| known.issuer == issuer && known.client_id == client_id;
        let place = self.issuers.iter().position(is_it).unwrap_or_else(|| {
            self.issuers.push(KnownIssuer {
                issuer: issuer.to_owned(),
                client_id: client_id.to_owned(),
                servers: Vec::new(),
                audiences: Vec::new(),
                certificate_authority: None,
                platform: None,
            });
            self.issuers.len() - 1
        });
        &mut self.issuers[place]
    }

    /// What a login is to ask for at once: these scopes, and what every known audience needs of the
    /// same client.
    pub fn login_scopes(&self, issuer: &str, client_id: &str, scopes: &[String]) -> Vec<String> {
        let mut wanted = scopes.to_vec();
        let known = self.find(issuer, client_id);
        let audiences = known.into_iter().flat_map(|known| &known.audiences);
        for scope in audiences.filter_map(|audience| audience.scope.as_ref()) {
            if !wanted.contains(scope) {
                wanted.push(scope.clone());
            }
        }
        wanted
    }

    /// How far an issuer is known, with the server that its token would go to.
    pub fn familiarity(&self, issuer: &str, client_id: &str, server: Option<&str>) -> Familiarity {
        match (self.find(issuer, client_id), server) {
            (None, _) => Familiarity::NewIssuer,
            (Some(_), None) => Familiarity::Known,
            (Some(known), Some(server)) if known.has_server(server) => Familiarity::Known,
            (Some(_), Some(_)) => Familiarity::NewServer,
        }
    }
}

impl KnownIssuer {
    /// Whether its tokens may go to that server.
    pub fn has_server(&self, server: &str) -> bool {
        let server = server.trim_end_matches('/');
        self.servers
            .iter()
            .any(|known| known.trim_end_matches('/') == server)
    }

    /// Whether its tokens may go to a server of that URL, by whatever way.
    pub fn has_url(&self, url: &str) -> bool {
        let url = url.trim_end_matches('/');
        let mut servers = self.servers.iter();
        servers.any(|known| server_url(known).0.trim_end_matches('/') == url)
    }

    /// Lets its tokens go to that server.
    pub fn add_server(&mut self, server: &str) {
        if !self.has_server(server) {
            self.servers.push(server.to_owned());
        }
    }

    /// Adds an audience, in the place of the one of that name.
    pub fn set_audience(&mut self, audience: Audience) {
        let same_name = |known: &&mut Audience| known.name == audience.name;
        match self.audiences.iter_mut().find(same_name) {
            Some(known) => *known = audience,
            None => self.audiences.push(audience),
        }
    }
}

fn malformed(folder: &Folder, reason: String) -> KnownIssuersError {
    KnownIssuersError::Malformed {
        file: folder.path().join(FILE),
        reason,
    }
}

impl From<KnownIssuersError> for Failure {
    fn from(error: KnownIssuersError) -> Self {
        match error {
            KnownIssuersError::Store(error) => error.into(),
            KnownIssuersError::Lock(error) => error.into(),
            KnownIssuersError::NoPlace => Self::new(Kind::Usage, error.to_string()),
            KnownIssuersError::Malformed { .. } => Self::new(Kind::Usage, error.to_string())
                .detail("it holds the issuers that you have said yes to; without it, you are asked again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use jiff::Timestamp;

    use super::*;

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
