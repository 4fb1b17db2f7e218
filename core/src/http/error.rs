use std::path::PathBuf;

use thiserror::Error;

use crate::{
    report::{Failure, Kind},
    world::FileError,
};

/// A request that brought no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one that a request may go to.
    #[error("{url} cannot be used: {reason}")]
    Address {
        /// The address.
        url: String,
        /// Why not.
        reason: &'static str,
    },
    /// A file with certificate authorities cannot be read.
    #[error(transparent)]
    Unreadable(#[from] FileError),
    /// A file with certificate authorities holds none.
    #[error("{} holds no certificate authority as PEM", file.display())]
    Authorities {
        /// The file.
        file: PathBuf,
    },
    /// The client could not be built.
    #[error("no HTTP client can be built: {reason}")]
    Setup {
        /// What the library says.
        reason: String,
    },
    /// The server's certificate is not to be trusted.
    #[error("the certificate of {host} is not trusted: {reason}")]
    Certificate {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection was made: nothing of the request has left.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// What the operating system says.
        reason: String,
    },
    /// The connection broke before the answer was complete.
    #[error("the connection to {host} broke: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("{host} did not answer within {seconds} s")]
    TimedOut {
        /// Host and port.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The answer sends us elsewhere, which a token must not follow.
    #[error("{host} redirects to {}, and redirects are not followed", shortened(.to))]
    Redirected {
        /// Host and port.
        host: String,
        /// Where to, as far as it is text.
        to: String,
    },
    /// The answer is longer than any honest one.
    #[error("the answer of {host} is longer than {limit} bytes")]
    TooLong {
        /// Host and port.
        host: String,
        /// The limit.
        limit: usize,
    },
}

/// As much of an address as a reader wants to see, in characters.
const SHOWN: usize = 200;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

impl Error {
    /// Whether the same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Broken { .. } | Self::TimedOut { .. }
        )
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Address { .. } | Error::Unreadable(_) | Error::Authorities { .. } => Kind::Usage,
            Error::Setup { .. } => Kind::Failed,
            Error::Certificate { .. }
            | Error::Unreachable { .. }
            | Error::Broken { .. }
            | Error::TimedOut { .. }
            | Error::Redirected { .. }
            | Error::TooLong { .. } => Kind::Unreachable,
        };
        let failure = Self::new(kind, error.to_string());
        match std::error::Error::source(&error) {
            Some(source) => failure.caused_by(source),
            None => failure,
        }
    }
}
