//! Which store is meant, and by whose word: flags, else the environment, else the platform that a
//! login was set up with.

mod address;
mod amazon;
mod duration;
mod place;
mod platform;
pub(crate) mod variable;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub(crate) use self::{
    duration::{Duration, attempts},
    place::{Place, places},
};
use crate::{issued::Server, policy::Extent};

/// What was not done when it is not known which store is meant.
const UNTOUCHED: &str = "nothing was asked for";

/// What the user says of store, login and keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// The platform that tells the rest.
    pub(crate) onyxia: Option<String>,
    pub(crate) platform_region: Option<String>,
    /// A role by the platform's name for it.
    pub(crate) profile: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) sts_endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) addressing: Addressing,
    pub(crate) server: Option<Server>,
    pub(crate) role_arn: Option<String>,
    pub(crate) session_name: Option<String>,
    pub(crate) duration: Option<Duration>,
    /// A file with a session policy.
    pub(crate) policy: Option<PathBuf>,
    pub(crate) extent: Extent,
    pub(crate) token: TokenSource,
    pub(crate) token_kind: TokenKind,
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) account: Option<String>,
    pub(crate) issuer_ca: Option<PathBuf>,
    /// Certificate authorities of platform, token service and store.
    pub(crate) ca_file: Option<PathBuf>,
    /// Where a static store's keys are read from.
    pub(crate) keys: Option<PathBuf>,
    /// Whether tokens and keys may go over plain http to another machine.
    pub(crate) allows_http: bool,
    /// Whether the user has said yes beforehand to where tokens go.
    pub(crate) trusts: bool,
}

/// Where the bucket stands in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Addressing {
    /// As the platform says, else in the path, unless the store is AWS'.
    #[default]
    Auto,
    Path,
    Virtual,
}

/// Where the user's token comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// From the login that all tools share.
    #[default]
    Session,
    Stdin,
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
}

/// Which of a login's tokens goes to the token service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenKind {
    /// As the platform's own pages send it.
    #[default]
    Access,
    Id,
}

impl TokenKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Id => "id",
        }
    }
}

impl Source {
    /// Whether the same words always mean the same keys, whatever files hold by then, and from
    /// whatever folder.
    pub(crate) fn is_settled(&self) -> bool {
        let files = [&self.ca_file, &self.issuer_ca];
        self.token == TokenSource::Session
            && self.policy.is_none()
            && self.keys.is_none()
            && files.into_iter().flatten().all(|file| file.is_absolute())
    }

    /// Flags that say the same, from whatever folder, and without the environment that is there now;
    /// `None` when something comes from standard input, which is there only once.
    pub(crate) fn words(&self) -> Option<Vec<String>> {
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| absolute(path).to_string_lossy().into_owned())
        };
        let token = match &self.token {
            TokenSource::Session => None,
            TokenSource::Stdin => return None,
            TokenSource::File(file) => path(&Some(file.clone())),
            TokenSource::Variable(name) => Some(format!("env:{name}")),
        };
        let is_static = self.server == Some(Server::Static);
        if self.keys.as_deref() == Some(Path::new("-")) || (is_static && self.keys.is_none()) {
            return None;
        }
        let server = self.server.map(|server| server.name().to_owned());
        let addressing = match self.addressing {
            Addressing::Auto => None,
            Addressing::Path => Some("path".to_owned()),
            Addressing::Virtual => Some("virtual".to_owned()),
        };
        let kind = (self.token_kind == TokenKind::Id).then(|| "id".to_owned());
        let duration = self.duration.map(|duration| match duration {
            Duration::Exactly(seconds) => seconds.to_string(),
            Duration::Max => "max".to_owned(),
        });
        let values = [
            ("--onyxia", self.onyxia.clone()),
            ("--platform-region", self.platform_region.clone()),
            ("--profile", self.profile.clone()),
            ("--endpoint", self.endpoint.clone()),
            ("--sts-endpoint", self.sts_endpoint.clone()),
            ("--region", self.region.clone()),
            ("--addressing", addressing),
            ("--server", server),
            ("--role-arn", self.role_arn.clone()),
            ("--session-name", self.session_name.clone()),
            ("--duration", duration),
            ("--policy", path(&self.policy)),
            ("--bucket", self.extent.bucket.clone()),
            ("--prefix", self.extent.prefix.clone()),
            ("--token", token),
            ("--token-kind", kind),
            ("--issuer", self.issuer.clone()),
            ("--client-id", self.client_id.clone()),
            ("--account", self.account.clone()),
            ("--issuer-ca", path(&self.issuer_ca)),
            ("--ca-file", path(&self.ca_file)),
            ("--keys", path(&self.keys)),
        ];
        let mut words = Vec::new();
        let scopes = self
            .scopes
            .iter()
            .map(|scope| ("--scope", Some(scope.clone())));
        for (flag, value) in values.into_iter().chain(scopes) {
            // In one word, whatever the value begins with.
            words.extend(value.map(|value| format!("{flag}={value}")));
        }
        for (flag, is_set) in [
            ("--read-only", self.extent.read_only),
            ("--allow-http", self.allows_http),
        ] {
            words.extend(is_set.then(|| flag.to_owned()));
        }
        Some(words)
    }
}

/// A path that is the same file from whatever folder.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
