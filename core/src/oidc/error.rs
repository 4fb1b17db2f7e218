use std::path::PathBuf;

use thiserror::Error;

use crate::{
    http,
    report::{Failure, Kind, quoted_if_needed},
    store,
};

/// What came between a user and a token.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The provider could not be asked.
    #[error(transparent)]
    Http(#[from] http::Error),
    /// The address is none that an issuer may have.
    #[error("{issuer} cannot be an issuer: {reason}")]
    BadIssuer {
        /// The address.
        issuer: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What answers there is no identity provider.
    #[error("{issuer} is not an OpenID provider: {reason}")]
    NotAProvider {
        /// The issuer.
        issuer: String,
        /// What its answer lacks.
        reason: String,
    },
    /// It calls itself by another name, so its tokens would too.
    #[error("{issuer} calls itself {says}")]
    OtherIssuer {
        /// The issuer that was asked for.
        issuer: String,
        /// What its discovery document says.
        says: String,
    },
    /// The provider does not have what is needed.
    #[error("{issuer} does not offer {what}")]
    NotOffered {
        /// The issuer.
        issuer: String,
        /// What is missing.
        what: &'static str,
    },
    /// The provider says no (RFC 6749 section 5.2).
    #[error("the identity provider refuses {what}: {code}{}", in_parentheses(.description))]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The error code.
        code: String,
        /// What it adds.
        description: Option<String>,
    },
    /// The provider could not answer, and may later.
    #[error("the identity provider cannot answer now ({what}): HTTP {status}")]
    Unavailable {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// It could not be asked a moment ago, and is not asked again right away.
    #[error("{issuer} could not be asked a moment ago: {reason}")]
    JustFailed {
        /// The issuer.
        issuer: String,
        /// What came between.
        reason: String,
    },
    /// Its answer is not one.
    #[error("the identity provider's answer to {what} cannot be used: {reason}")]
    BadAnswer {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// An answer without an ID token: on a refresh it may be so (OpenID Connect Core, section 12.2).
    #[error(
        "the identity provider's answer holds no id_token; the client must be allowed the scope openid"
    )]
    NoIdToken,
    /// A login that only its browser can end.
    #[error("it ends a login only in the browser that has it: {url}")]
    LogoutByHand {
        /// The page that does.
        url: String,
    },
    /// A token that must not be believed.
    #[error("the token is not to be trusted: {reason}")]
    Token {
        /// What is wrong with it.
        reason: String,
    },
    /// The user, or somebody for them, said no.
    #[error("the login was refused: {reason}")]
    Denied {
        /// The provider's words.
        reason: String,
    },
    /// Nobody finished the login.
    #[error("nobody finished the login within {seconds} s")]
    NotFinished {
        /// The limit.
        seconds: u64,
        /// Whether another way may be open: a browser's answer reaches this machine only, a code
        /// can be entered anywhere.
        in_browser: bool,
    },
    /// The device code ran out.
    #[error("the code was not entered in time")]
    CodeExpired,
    /// Another account logged in than the session is for.
    #[error("{found} logged in, and the session is for {wanted}")]
    OtherAccount {
        /// Who the session is for.
        wanted: String,
        /// Who logged in.
        found: String,
    },
    /// A login is needed, and must not be begun here.
    #[error("not logged in at {issuer}{}", after_colon(.reason))]
    LoginNeeded {
        /// The issuer.
        issuer: String,
        /// Why no login is begun, or why the session has ended.
        reason: Option<String>,
    },
    /// A login is under way elsewhere.
    #[error("a login at {issuer} waits for a person{}", begun_by(.holder))]
    LoginElsewhere {
        /// The issuer.
        issuer: String,
        /// The process that began it.
        holder: Option<u32>,
        /// The page that finishes it.
        url: Option<String>,
    },
    /// No browser, no port: the way chosen cannot be gone.
    #[error("a login by {way} is not possible here: {reason}")]
    NoWay {
        /// The way.
        way: &'static str,
        /// Why not.
        reason: String,
    },
    /// A session's file is not one of ours.
    #[error("the session in {} cannot be read: {reason}", file.display())]
    Session {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client has a secret, and it is not there.
    #[error("the client's secret cannot be read: {reason}")]
    ClientSecret {
        /// Why not.
        reason: String,
    },
    /// How the client is registered is not known.
    #[error(transparent)]
    KnownIssuers(#[from] super::KnownIssuersError),
    /// Sessions have no place: neither a home directory nor XDG_STATE_HOME.
    #[error("there is no place to keep a login: neither HOME nor XDG_STATE_HOME is set")]
    NoPlace,
    /// A file of the session.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The session's lock.
    #[error(transparent)]
    Lock(#[from] store::LockError),
    /// The session's secrets.
    #[error(transparent)]
    Seal(#[from] store::SealError),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] crate::world::RandomError),
}

fn in_parentheses(text: &Option<String>) -> String {
    text.as_ref()
        .map(|text| format!(" ({text})"))
        .unwrap_or_default()
}

fn after_colon(reason: &Option<String>) -> String {
    reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

fn begun_by(holder: &Option<u32>) -> String {
    holder
        .map(|pid| format!(", begun by process {pid}"))
        .unwrap_or_default()
}

impl Error {
    /// Whether a session is over by this answer to its refresh: only the provider's word that the
    /// grant is no good ends one.
    pub(super) fn ends_session(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "invalid_grant")
    }

    /// Whether a person who logs in is what is missing.
    pub fn needs_login(&self) -> bool {
        matches!(
            self,
            Self::LoginNeeded { .. }
                | Self::NotFinished { .. }
                | Self::CodeExpired
                | Self::Denied { .. }
                | Self::Session { .. }
                | Self::LoginElsewhere { .. }
        )
    }

    /// Whether it may be otherwise a moment later, with nothing changed on our side.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Http(error) => error.may_pass(),
            Self::Unavailable { .. } | Self::JustFailed { .. } => true,
            _ => false,
        }
    }

    /// Whether a login came to nothing before a person was troubled with it: what is in the way is
    /// here, or at the issuer, and may be put right without a word to us.
    pub(super) fn nobody_was_asked(&self) -> bool {
        matches!(
            self,
            Self::Http(_)
                | Self::BadIssuer { .. }
                | Self::NotAProvider { .. }
                | Self::OtherIssuer { .. }
                | Self::NotOffered { .. }
                | Self::Store(_)
                | Self::Lock(_)
                | Self::Seal(_)
                | Self::ClientSecret { .. }
                | Self::KnownIssuers(_)
        )
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Http(_) | Self::Store(_) | Self::Lock(_) | Self::Seal(_) => Kind::Failed,
            Self::Random(_) | Self::Session { .. } => Kind::Failed,
            Self::NoPlace | Self::NotOffered { .. } => Kind::Usage,
            Self::ClientSecret { .. } | Self::KnownIssuers(_) => Kind::Usage,
            Self::BadIssuer { .. } | Self::NotAProvider { .. } | Self::OtherIssuer { .. } => {
                Kind::Usage
            }
            Self::Refused { .. }
            | Self::BadAnswer { .. }
            | Self::Token { .. }
            | Self::NoIdToken
            | Self::LogoutByHand { .. }
            | Self::Denied { .. }
            | Self::OtherAccount { .. } => Kind::Refused,
            Self::Unavailable { .. } | Self::JustFailed { .. } => Kind::Unreachable,
            Self::NotFinished { .. }
            | Self::CodeExpired
            | Self::LoginElsewhere { .. }
            | Self::NoWay { .. } => Kind::Waiting,
            Self::LoginNeeded { .. } => Kind::NotFound,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Http(error) => {
                let untrusted = matches!(error, http::Error::Certificate { .. });
                let failure = Self::from(error);
                match untrusted {
                    true => failure
                        .detail("a certificate authority of your own is named by --issuer-ca FILE"),
                    false => failure,
                }
            }
            Error::Store(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Seal(error) => error.into(),
            Error::KnownIssuers(error) => error.into(),
            error => {
                let failure = Self::new(error.kind(), error.to_string());
                match error {
                    // Any other address may be somebody else's.
                    Error::OtherIssuer { issuer, says }
                        if says.trim_end_matches('/') == issuer.trim_end_matches('/') =>
                    {
                        let says = quoted_if_needed(&says);
                        failure.next(format!("the same command with --issuer {says}"))
                    }
                    Error::LoginElsewhere { url: Some(url), .. } => {
                        failure.detail(format!("finish it in a browser: {url}"))
                    }
                    _ => failure,
                }
            }
        }
    }
}
