use std::path::PathBuf;

use thiserror::Error;

use crate::{
    report::{Failure, Kind},
    store::{self, LockError},
};

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
