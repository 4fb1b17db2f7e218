use std::time::Duration;

use datalab_core::{
    cli::{ConfirmArgs, DryRun},
    report::{Failure, Kind},
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
