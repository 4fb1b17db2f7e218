//! Why a token service gives no keys: what can be proven from the token, the server's words and the
//! clock, and the setting that mends it.
//!
//! Codes alone do not tell: on MinIO seven causes share one, and Ceph says 403 to all of them.

mod asked;
mod audience;
mod claim;
mod facts;
mod service;
mod signature;
mod store;
mod token;
mod transport;

#[cfg(test)]
mod tests;

use datalab_core::{
    cli::DisplayName,
    onyxia,
    report::{Failure, Kind, quoted_if_needed},
    words::Secret,
};
use jiff::Timestamp;

use self::facts::Facts;
pub(crate) use self::{asked::is_duration, store::of_store};
use crate::{
    issued::Server,
    source::TokenKind,
    sts::{Refusal, StsError},
};

/// What the service was asked, and by whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) sts_url: &'a str,
    pub(crate) store_url: &'a str,
    pub(crate) token: &'a Secret<String>,
    /// Which of the login's tokens it is; `None` for one that was brought.
    pub(crate) token_kind: Option<TokenKind>,
    pub(crate) login: Option<&'a onyxia::Login>,
    pub(crate) role_arn: Option<&'a str>,
    pub(crate) seconds: u64,
    /// As the user says it is.
    pub(crate) server: Option<Server>,
    pub(crate) now: Timestamp,
    pub(crate) name: &'a DisplayName,
    /// How oidc-login is spelled.
    pub(crate) oidc_login: &'a str,
    /// The flags that say the same; `None` for what was there only once.
    pub(crate) flags: Option<&'a [String]>,
}

/// What was not done, whatever the cause.
const NO_KEYS: &str = "no keys were given";

impl Scene<'_> {
    /// The cause, as far as it can be proven.
    pub(crate) fn explain(&self, error: &StsError) -> Failure {
        match error {
            StsError::Http(error) => self.transport(error),
            StsError::Refused(refusal) => self.refused(refusal),
        }
    }

    fn refused(&self, refusal: &Refusal) -> Failure {
        let facts = Facts::of(self, refusal);
        let failure = self
            .not_ready(&facts, refusal)
            .or_else(|| self.not_a_token_service(refusal))
            .or_else(|| self.token_is_bad(&facts, refusal))
            // Whole sentences before words: names of the user's own stand in both.
            .or_else(|| self.claim(&facts, refusal))
            .or_else(|| self.no_such_key(&facts, refusal))
            .or_else(|| self.issuer_not_registered(&facts, refusal))
            .or_else(|| self.asked_wrongly(&facts, refusal))
            .or_else(|| self.audience(&facts, refusal))
            .or_else(|| self.key_of_issuer(&facts, refusal))
            .or_else(|| self.not_accepted(&facts, refusal))
            .or_else(|| self.says_nothing(&facts, refusal))
            .unwrap_or_else(|| self.unknown(&facts, refusal));
        failure.state(NO_KEYS)
    }

    /// A failure that begins with the service, and its cause as far as it is proven.
    fn no(&self, kind: Kind, cause: &str) -> Failure {
        Failure::new(kind, format!("{} gives no keys: {cause}", self.sts_url))
    }

    fn unknown(&self, facts: &Facts, refusal: &Refusal) -> Failure {
        let failure = self.no(Kind::Refused, &refusal.to_string());
        let failure = match &refusal.body {
            Some(body) => failure.detail(format!("it says: {body}")),
            None => failure,
        };
        let failure = match refusal.status.as_u16() == 403 && refusal.says(&["access denied"]) {
            true => failure.detail(format!(
                "a policy may refuse keys that live {} (sts:DurationSeconds): --duration 15m",
                crate::span::in_words(self.seconds)
            )),
            false => failure,
        };
        self.go_to_doctor(failure.detail(facts.token()))
    }

    /// The command that looks at everything there is to look at, or where it is when it cannot be
    /// said in whole.
    fn go_to_doctor(&self, failure: Failure) -> Failure {
        match self.flags {
            None => failure.detail(format!(
                "{} doctor looks at more, with the same flags and a token",
                self.name
            )),
            Some(flags) => {
                let flags = flags
                    .iter()
                    .map(|flag| format!(" {}", quoted_if_needed(flag)));
                failure.next(format!("{} doctor{}", self.name, flags.collect::<String>()))
            }
        }
    }

    /// The command that lists the roles of a platform: a store by itself has no list of them.
    fn profiles(&self) -> String {
        let flags = self.flags.unwrap_or_default();
        let onyxia = flags.iter().find(|flag| flag.starts_with("--onyxia="));
        let by_itself =
            self.flags.is_none() || flags.iter().any(|flag| flag.starts_with("--endpoint="));
        match onyxia {
            Some(onyxia) => format!("{} profiles {}", self.name, quoted_if_needed(onyxia)),
            None if by_itself => format!("{} profiles --onyxia URL", self.name),
            None => format!("{} profiles", self.name),
        }
    }

    fn is(&self, refusal: &Refusal, server: Server) -> bool {
        self.server == Some(server) || refusal.server == server
    }

    /// The client that the token was issued to, whose mappers decide what it says.
    fn client_of<'f>(&'f self, facts: &'f Facts) -> &'f str {
        let party = facts.text("azp").or_else(|| self.client_id());
        party.unwrap_or("CLIENT")
    }

    fn client_id(&self) -> Option<&str> {
        self.login.map(|login| login.client_id.as_str())
    }
}
