use std::time::Duration;

use clap::Args;
use datalab_core::{
    cli::{ConfirmArgs, DryRunArgs},
    report::{Failure, Kind},
    words::{Lifetime, NameError, Namespace, ObjectName, Subject},
    world::Environment,
};
use jiff::Timestamp;

use crate::{
    catalogue::Wanted,
    grant::{self, ExpiryAsked, GrantRequest},
    postgres::Access,
};

/// Stands for `--operator-namespace`, which wins; so does what a base policy was made for.
const OPERATOR_NAMESPACE: &str = "DATALAB_OPERATOR_NAMESPACE";

/// The largest connection limit that PostgreSQL holds.
const CONNECTION_LIMIT_MAX: i64 = i32::MAX as i64;

#[derive(Args, Debug)]
pub(super) struct GrantArgs {
    /// postgres, or one of several: postgres/NAME, its release, Service or name in Onyxia
    #[arg(value_name = "KIND[/NAME]")]
    database: Wanted,
    /// The colleague's namespace
    #[arg(long, value_name = "NAMESPACE")]
    with: Namespace,
    /// Who may read the login instead of that namespace's user and pods: user:NAME, group:NAME or
    /// sa:NAMESPACE/NAME; can be repeated
    #[arg(long, value_name = "SUBJECT")]
    subject: Vec<Subject>,
    /// A schema to share; can be repeated [default: all schemas of the database's owner]
    #[arg(long, value_name = "SCHEMA", allow_hyphen_values = true)]
    schema: Vec<String>,
    /// The database inside the server [default: the one that the catalogue made]
    #[arg(long = "database", value_name = "DATABASE", allow_hyphen_values = true)]
    sql_database: Option<String>,
    /// Read rows, or write: insert, change and delete them as well
    #[arg(
        long,
        value_enum,
        value_name = "read|write",
        default_value = "read",
        hide_possible_values = true
    )]
    access: Access,
    /// How long new logins are let in, as in 30d or 12h [default: 30d]
    #[arg(long = "for", value_name = "TIME", allow_hyphen_values = true, conflicts_with_all = ["until", "no_expiry"])]
    lifetime: Option<Lifetime>,
    /// The day (UTC) or moment new logins end, as in 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", conflicts_with = "no_expiry", value_parser = moment)]
    until: Option<Timestamp>,
    /// New logins are let in until the share is revoked
    #[arg(long)]
    no_expiry: bool,
    /// Let the lifetime begin anew, although the terms are the same
    #[arg(long)]
    renew: bool,
    /// Sessions at once; 0 for no limit
    #[arg(
        long,
        value_name = "N",
        default_value_t = grant::DEFAULT_CONNECTION_LIMIT,
        value_parser = clap::value_parser!(u32).range(..=CONNECTION_LIMIT_MAX)
    )]
    connection_limit: u32,
    /// Close a database that the whole cluster reaches: only its namespace and its shares stay
    #[arg(long)]
    isolate: bool,
    /// Where CloudNativePG's operator runs, for --isolate to let it in
    /// [env: DATALAB_OPERATOR_NAMESPACE]
    #[arg(long, value_name = "NAMESPACE")]
    operator_namespace: Option<Namespace>,
    /// Secret with the superuser's username and password, if the catalogue made none
    #[arg(long, value_name = "SECRET")]
    superuser_secret: Option<ObjectName>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    pub(super) dry_run: DryRunArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Args, Clone, Copy, Debug)]
struct WaitArgs {
    /// Wait for a database that is suspended, starting or failing over
    #[arg(long)]
    wait: bool,
    /// How long --wait waits
    #[arg(long, value_name = "TIME", default_value = "2m", requires = "wait")]
    timeout: Lifetime,
}

impl WaitArgs {
    fn patience(self) -> Option<Duration> {
        self.wait.then(|| self.timeout.as_duration())
    }
}

impl GrantArgs {
    /// # Errors
    /// A variable of the environment is no value for the flag that it stands for.
    pub(super) fn into_request(self, environment: &Environment) -> Result<GrantRequest, Failure> {
        let Self {
            database,
            with,
            subject,
            mut schema,
            sql_database,
            access,
            lifetime,
            until,
            no_expiry,
            renew,
            connection_limit,
            isolate,
            operator_namespace,
            superuser_secret,
            wait,
            dry_run:
                DryRunArgs {
                    dry_run,
                    exit_code: _,
                },
            confirm,
        } = self;
        schema.sort();
        schema.dedup();
        Ok(GrantRequest {
            wanted: database,
            with,
            subjects: subject,
            schemas: schema,
            sql_database,
            access,
            expiry: match (until, no_expiry) {
                (Some(until), _) => ExpiryAsked::Until(until),
                (None, true) => ExpiryAsked::Never,
                (None, false) => ExpiryAsked::For(lifetime.unwrap_or(grant::DEFAULT_LIFETIME)),
            },
            renew,
            connection_limit: (connection_limit > 0).then_some(connection_limit),
            isolate,
            operator_by_environment: match operator_namespace {
                Some(_) => None,
                None => operator_in(environment)?,
            },
            operator_namespace,
            superuser_secret,
            patience: wait.patience(),
            dry_run,
            confirm,
        })
    }
}

/// The operator's namespace by the environment.
fn operator_in(environment: &Environment) -> Result<Option<Namespace>, Failure> {
    let Some(value) = environment.get(OPERATOR_NAMESPACE) else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    value.parse().map(Some).map_err(|error: NameError| {
        Failure::new(Kind::Usage, format!("{OPERATOR_NAMESPACE}: {error}"))
            .state("nothing was changed")
            .next(format!(
                "unset {OPERATOR_NAMESPACE}, and name it with --operator-namespace"
            ))
    })
}

/// A date (its first moment, UTC) or a moment.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    text.parse::<jiff::civil::Date>()
        .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| {
            "expected a date as in 2027-01-31, or a moment as in 2027-01-31T12:00:00Z".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Grant {
        #[command(flatten)]
        grant: GrantArgs,
    }

    #[test]
    fn a_connection_limit_is_one_that_the_server_holds() {
        let limit = |text: &str| {
            let line = ["grant", "postgres", "--with", "user-x"];
            let parsed =
                Grant::try_parse_from(line.into_iter().chain(["--connection-limit", text]));
            parsed.map(|parsed| parsed.grant.connection_limit)
        };
        assert_eq!(limit("2147483647").ok(), Some(i32::MAX as u32));
        assert_eq!(limit("0").ok(), Some(0));
        assert!(limit("2147483648").is_err());
    }

    #[test]
    fn moments() {
        assert_eq!(
            moment("2027-01-31").unwrap().to_string(),
            "2027-01-31T00:00:00Z"
        );
        assert_eq!(
            moment("2027-01-31T12:00:00+01:00").unwrap().to_string(),
            "2027-01-31T11:00:00Z"
        );
        assert!(moment("tomorrow").is_err() && moment("2027-02-30").is_err());
    }
}
