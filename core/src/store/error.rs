use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::report::{Failure, Kind, quoted_if_needed};

/// A permission too many.
pub(super) const OPEN_TO_OTHERS: &str = "others may read or change it";

/// A file or folder of ours that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refuses.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `make`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Somebody else could have written it, or can read it.
    #[error("{} is not safe to use: {reason}", path.display())]
    Unsafe {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No such file was ever written by us.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
}

impl Error {
    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source: source.into(),
        }
    }

    /// Whether the disk, or the user's share of it, is full.
    pub fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(Kind::Failed, error.to_string());
        match &error {
            Error::Io { source, path, .. } => {
                let failure = failure.caused_by(source);
                // What was to be made may not be there to look at.
                let there = path.ancestors().find(|path| path.exists()).unwrap_or(path);
                match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        failure.next(format!("df -h {}", word(there)))
                    }
                    _ => failure.next(format!("ls -ld {}", word(there))),
                }
            }
            Error::Unsafe { path, reason } if *reason == OPEN_TO_OTHERS => {
                failure.next(format!("chmod go-rwx {}", word(path)))
            }
            Error::Unsafe { path, .. } => failure.next(format!("ls -ld {}", word(path))),
            Error::TooLong { path, .. } => failure.next(format!("rm {}", word(path))),
        }
    }
}

/// A path in a command that is pasted.
fn word(path: &Path) -> String {
    quoted_if_needed(&path.to_string_lossy())
}
