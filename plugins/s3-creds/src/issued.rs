//! What an exchange brings: keys, the store they open, and where they came from.

use datalab_core::{report::whole_seconds, words::Secret};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Keys for a store, and until when they are good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret<String>,
    /// `None` for keys that a store has given once and for all.
    pub(crate) session_token: Option<Secret<String>>,
    /// By the server's clock; `None` for keys without an end.
    pub(crate) expiration: Option<Timestamp>,
}

/// What kind of server gives the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Server {
    Aws,
    Ceph,
    Minio,
    RustFs,
    SeaweedFs,
    /// One without temporary credentials: its keys are handed out as they are.
    Static,
    /// Not known, or none of these.
    #[default]
    Other,
}

/// An object store, as its clients reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    /// Scheme, host, and the port where it is not the scheme's own; no slash at the end.
    pub(crate) url: String,
    /// The region that requests are signed for.
    pub(crate) region: String,
    /// Whether the bucket stands in the path, not in the host's name.
    pub(crate) path_style: bool,
}

impl Store {
    /// Host, and the port where the URL has one.
    pub(crate) fn authority(&self) -> &str {
        let rest = self
            .url
            .split_once("://")
            .map_or(&*self.url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.url.starts_with("https://")
    }
}

/// Keys, and all that a program needs to use them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) credentials: Credentials,
    pub(crate) store: Store,
    pub(crate) server: Server,
    /// Where they came from; `None` for keys that were there.
    pub(crate) origin: Option<Origin>,
    /// The bucket that the user has in mind, and a prefix in it.
    pub(crate) bucket: Option<String>,
    pub(crate) prefix: Option<String>,
}

/// Where temporary keys came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) sts_url: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) username: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) session_name: String,
    /// Seconds that were asked for.
    pub(crate) asked_seconds: u64,
}

impl Credentials {
    /// RFC 3339 in whole seconds, which every reader takes; cut rather than rounded, so that it
    /// never promises more.
    pub(crate) fn expiration_text(&self) -> Option<String> {
        self.expiration.map(whole_seconds)
    }
}

impl Issued {
    /// Bucket and prefix as one path, without a slash at its ends; `None` without a bucket.
    pub(crate) fn place(&self) -> Option<String> {
        let bucket = self.bucket.as_ref()?;
        Some(
            match self
                .prefix
                .as_deref()
                .map(|prefix| prefix.trim_matches('/'))
            {
                Some(prefix) if !prefix.is_empty() => format!("{bucket}/{prefix}"),
                _ => bucket.clone(),
            },
        )
    }
}

impl Server {
    /// The name that `--server` takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Ceph => "ceph",
            Self::Minio => "minio",
            Self::RustFs => "rustfs",
            Self::SeaweedFs => "seaweedfs",
            Self::Static => "static",
            Self::Other => "other",
        }
    }
}
