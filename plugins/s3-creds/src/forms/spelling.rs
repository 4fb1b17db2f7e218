//! How the forms spell what was issued.

use datalab_core::report::whole_seconds;

use crate::issued::{Credentials, Issued, Server};

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
