use std::time::Duration;

use datalab_core::{
    cli::{ConfirmArgs, DryRun},
    report::{Failure, Kind, quoted_if_needed},
    words::{Lifetime, Namespace, ObjectName, Subject},
};
use jiff::{Timestamp, ToSpan};

use crate::{
    catalogue::Wanted,
    postgres::Access,
    share::{Expiry, Terms},
};

/// Sessions at once, when nothing is said: a notebook and a client or two. Each is a process of the
/// owner's server, whose limit is 100 unless it was raised.
pub(crate) const DEFAULT_CONNECTION_LIMIT: u32 = 5;

/// How long a share lives when nothing is said: long enough for a project, short enough to be
/// forgotten safely.
pub(crate) const DEFAULT_LIFETIME: Lifetime = Lifetime::from_days(30);

/// How far away an end may lie, in years: a date beyond is a slip of the pen, and `--no-expiry`
/// says it plainly.
const EXPIRY_MAX_YEARS: i64 = 10;

/// What a grant is asked to do.
#[derive(Debug)]
pub(crate) struct GrantRequest {
    pub(crate) wanted: Wanted,
    pub(crate) with: Namespace,
    pub(crate) subjects: Vec<Subject>,
    /// Sorted; empty means all of the owner's.
    pub(crate) schemas: Vec<String>,
    pub(crate) sql_database: Option<String>,
    pub(crate) access: Access,
    pub(crate) expiry: ExpiryAsked,
    pub(crate) renew: bool,
    pub(crate) connection_limit: Option<u32>,
    pub(crate) isolate: bool,
    /// Where CloudNativePG's operator runs, for a database of its.
    pub(crate) operator_namespace: Option<Namespace>,
    /// The same by the environment, where neither the request nor a base policy says it.
    pub(crate) operator_by_environment: Option<Namespace>,
    pub(crate) superuser_secret: Option<ObjectName>,
    pub(crate) patience: Option<Duration>,
    pub(crate) dry_run: DryRun,
    pub(crate) confirm: ConfirmArgs,
}

/// When new logins are to end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ExpiryAsked {
    For(Lifetime),
    Until(Timestamp),
    Never,
}

impl GrantRequest {
    /// The flags that say the terms, ready to be pasted behind the database and its grantee: a
    /// command without them would mean other terms. Each begins with a blank.
    pub(crate) fn flags_of_terms(&self) -> String {
        let mut flags = Vec::new();
        flags.extend(
            self.subjects
                .iter()
                .map(|subject| ("subject", subject.to_string())),
        );
        flags.extend(self.schemas.iter().map(|schema| ("schema", schema.clone())));
        flags.extend(
            self.sql_database
                .iter()
                .map(|name| ("database", name.clone())),
        );
        if self.access != Access::default() {
            flags.push(("access", self.access.to_string()));
        }
        match self.expiry {
            ExpiryAsked::For(DEFAULT_LIFETIME) => {}
            ExpiryAsked::For(lifetime) => flags.push(("for", lifetime.to_string())),
            ExpiryAsked::Until(at) => flags.push(("until", at.to_string())),
            ExpiryAsked::Never => {}
        }
        if self.connection_limit != Some(DEFAULT_CONNECTION_LIMIT) {
            let limit = self.connection_limit.unwrap_or_default();
            flags.push(("connection-limit", limit.to_string()));
        }
        flags.extend(
            self.superuser_secret
                .iter()
                .map(|secret| ("superuser-secret", secret.to_string())),
        );
        let mut words: String = flags
            .iter()
            .map(|(flag, value)| format!(" --{flag} {}", quoted_if_needed(value)))
            .collect();
        if let ExpiryAsked::Never = self.expiry {
            words.push_str(" --no-expiry");
        }
        words
    }

    /// When new logins end, by the server's clock. A lifetime that was granted before, and is not
    /// over, goes on as it is unless it is renewed: the same command twice changes nothing.
    ///
    /// # Errors
    /// The end is past, or too far away to be meant.
    pub(crate) fn expiry(&self, now: Timestamp, before: Option<&Terms>) -> Result<Expiry, Failure> {
        // Annotations and VALID UNTIL carry whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let (at, lifetime) = match self.expiry {
            ExpiryAsked::Never => {
                return Ok(Expiry {
                    at: None,
                    lifetime: None,
                });
            }
            ExpiryAsked::Until(at) => (at, None),
            ExpiryAsked::For(lifetime) => {
                let kept = before.map(|terms| terms.expiry).filter(|expiry| {
                    expiry.lifetime == Some(lifetime) && !expiry.is_over(now) && !self.renew
                });
                if let Some(kept) = kept {
                    return Ok(kept);
                }
                let at = now
                    .checked_add(lifetime.as_duration())
                    .unwrap_or(Timestamp::MAX);
                (at, Some(lifetime))
            }
        };
        let latest = now
            .checked_add((EXPIRY_MAX_YEARS * 366 * 24).hours())
            .unwrap_or(Timestamp::MAX);
        let refused = |why: String| {
            Failure::new(Kind::Usage, why)
                .detail(format!("the server's time is {now}"))
                .next("the same command with --for 30d, or --no-expiry")
        };
        if at <= now {
            return Err(refused(format!("{at} is past")));
        }
        if at > latest {
            return Err(refused(format!(
                "{at} is more than {EXPIRY_MAX_YEARS} years away"
            )));
        }
        Ok(Expiry {
            at: Some(at),
            lifetime,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> GrantRequest {
        GrantRequest {
            wanted: "postgres".parse().unwrap(),
            with: "user-x".parse().unwrap(),
            subjects: Vec::new(),
            schemas: Vec::new(),
            sql_database: None,
            access: Access::Read,
            expiry: ExpiryAsked::For(DEFAULT_LIFETIME),
            renew: false,
            connection_limit: Some(DEFAULT_CONNECTION_LIMIT),
            isolate: false,
            operator_namespace: None,
            operator_by_environment: None,
            superuser_secret: None,
            patience: None,
            dry_run: DryRun::None,
            confirm: ConfirmArgs { yes: false },
        }
    }

    #[test]
    fn terms_are_spelled_as_they_were_asked_for() {
        assert_eq!(request().flags_of_terms(), "");
        let other = GrantRequest {
            subjects: vec!["group:projet-p".parse().unwrap()],
            schemas: vec!["Orders 2026".into(), "it's".into()],
            sql_database: Some("shop".into()),
            access: Access::Write,
            expiry: ExpiryAsked::Never,
            connection_limit: None,
            ..request()
        };
        assert_eq!(
            other.flags_of_terms(),
            r" --subject group:projet-p --schema 'Orders 2026' --schema 'it'\''s' --database shop --access write --connection-limit 0 --no-expiry"
        );
        let short = GrantRequest {
            expiry: ExpiryAsked::For(Lifetime::from_days(7)),
            ..request()
        };
        assert_eq!(short.flags_of_terms(), " --for 7d");
    }
}
