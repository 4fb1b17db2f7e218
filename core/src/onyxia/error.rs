use thiserror::Error;

use crate::{
    http,
    report::{Failure, Kind, quoted_if_needed},
};

/// Why the platform's configuration is not known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The platform cannot be asked.
    #[error("the platform cannot be asked for its configuration")]
    Http(#[from] http::Error),
    /// It answers, and does not tell.
    #[error("{url} answers {status}")]
    Status {
        /// The page.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is something else.
    #[error("{url} is no configuration of an Onyxia: {reason}")]
    NotAPlatform {
        /// The page.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// No region, or more than one, is meant.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}", said(wanted.as_deref(), known))]
pub struct NoRegion {
    /// The id that was asked for.
    pub wanted: Option<String>,
    /// The ids there are.
    pub known: Vec<String>,
}

fn said(wanted: Option<&str>, known: &[String]) -> String {
    let names = known.join(", ");
    match (wanted, known) {
        (_, []) => "the platform has no region".to_owned(),
        (Some(wanted), _) => format!("the platform has no region {wanted:?}; there are {names}"),
        (None, _) => format!("the platform has several regions: {names}"),
    }
}

impl Error {
    /// What a user is told; `flag` is what the tool calls its file of certificate authorities, dashes
    /// included.
    pub fn failure(self, flag: &str) -> Failure {
        let is_untrusted = matches!(&self, Self::Http(http::Error::Certificate { .. }));
        let failure = Failure::from(self);
        match is_untrusted {
            true => failure.next(format!("the same command with {flag} FILE")),
            false => failure,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Http(source) => return unasked(&error, source),
            Error::Status { status, .. } => Some(*status),
            Error::NotAPlatform { .. } => None,
        };
        let kind = match status {
            Some(401 | 403 | 429 | 500..) => Kind::Unreachable,
            Some(404) => Kind::NotFound,
            _ => Kind::Usage,
        };
        let failure = Self::new(kind, error.to_string());
        match status {
            // The page is public; the API answers so when its own setup of logins fails.
            Some(401) => failure.detail(
                "the page needs no login: a platform's API answers so when it cannot reach its identity provider itself",
            ),
            Some(404) | None => failure.detail(
                "the address is that of the platform's pages, as in https://datalab.example.org",
            ),
            Some(_) => failure,
        }
    }
}

fn unasked(error: &Error, source: &http::Error) -> Failure {
    let kind = match source {
        http::Error::Address { .. } | http::Error::Unreadable(_) => Kind::Usage,
        _ => Kind::Unreachable,
    };
    Failure::new(kind, error.to_string()).caused_by(source)
}

impl NoRegion {
    /// What a user is told; `flag` is what the tool calls its choice of a region, dashes included.
    pub fn failure(&self, flag: &str) -> Failure {
        let failure = Failure::new(Kind::NotFound, self.to_string());
        match self.known.first() {
            Some(first) => failure.next(format!(
                "the same command with {flag} {}",
                quoted_if_needed(first)
            )),
            None => failure,
        }
    }
}
