use std::{ffi::OsString, time::Duration};

use clap::{Args, Parser, Subcommand};
use datalab_core::{
    cli::{self, ConfirmArgs, ConnectionArgs, DisplayName, DryRunArgs, OutputArgs, Parsed, Shell},
    report::Kind,
    words::{Lifetime, Namespace, ObjectName, Subject},
    world::World,
};
use jiff::Timestamp;

use crate::{
    catalogue::Wanted,
    connect::{self, ConnectRequest, PrintForm},
    desk::Desk,
    grant::{self, ExpiryAsked, GrantRequest},
    list::{self, ListRequest},
    outcome::Granted,
    postgres::Access,
    revoke::{self, RevokeRequest, Which},
};

/// How the command is spelled when nothing says otherwise.
const FALLBACK_NAME: &str = "kubectl datalab share-db";

/// How long a share lives when nothing is said: long enough for a project, short enough to be
/// forgotten safely.
const DEFAULT_LIFETIME: Lifetime = Lifetime::from_days(30);

/// Share one database of your namespace with one colleague, and take it back
///
/// A share is a login of its own with the least privileges that do, stored in a Secret that only
/// the colleague can read. `share-db postgres --with user-x` is short for
/// `share-db grant postgres --with user-x`.
#[derive(Debug, Parser)]
#[command(
    version,
    disable_version_flag = true,
    disable_help_subcommand = false,
    max_term_width = 100
)]
struct ShareDb {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Share a database; running it again converges
    Grant(GrantArgs),
    /// List the shares of your namespace
    List(ListArgs),
    /// Take shares back: login, sessions, privileges, objects
    Revoke(RevokeArgs),
    /// Use a database that was shared with you, from a pod of your namespace
    Connect(ConnectArgs),
}

#[derive(Args, Debug)]
struct GrantArgs {
    /// Which database: postgres, or postgres/NAME with a release, Service or Onyxia friendly name
    #[arg(value_name = "KIND[/NAME]")]
    database: Wanted,
    /// The namespace to share with
    #[arg(long, value_name = "NAMESPACE")]
    with: Namespace,
    /// Who may read the login, instead of the namespace's user and pods; can be given again
    #[arg(long, value_name = "user:NAME|group:NAME|sa:NS/NAME")]
    subject: Vec<Subject>,
    /// A schema to open; can be given again. All schemas of the owner if not given
    #[arg(long, value_name = "SCHEMA", allow_hyphen_values = true)]
    schema: Vec<String>,
    /// The database inside the server; the one that the catalogue made if not given
    #[arg(long = "database", value_name = "DATABASE", allow_hyphen_values = true)]
    sql_database: Option<String>,
    /// What the colleague may do with rows
    #[arg(long, value_enum, default_value = "read")]
    access: Access,
    /// How long new logins are let in, as in 30d or 12h [default: 30d]
    #[arg(long = "for", value_name = "TIME", allow_hyphen_values = true, conflicts_with_all = ["until", "no_expiry"])]
    lifetime: Option<Lifetime>,
    /// When new logins end, as in 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE", conflicts_with = "no_expiry", value_parser = moment)]
    until: Option<Timestamp>,
    /// New logins never end
    #[arg(long)]
    no_expiry: bool,
    /// Count the lifetime from now on, although the terms are the same
    #[arg(long)]
    renew: bool,
    /// Sessions at once; each one is a process of the server. 0 for no limit
    #[arg(long, value_name = "N", default_value_t = grant::DEFAULT_CONNECTION_LIMIT)]
    connection_limit: u32,
    /// Close a database that is open to the whole cluster: its own namespace and shares only
    #[arg(long)]
    isolate: bool,
    /// The Secret that holds the superuser's password, when the catalogue's own does not
    #[arg(long, value_name = "SECRET")]
    superuser_secret: Option<ObjectName>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Args, Clone, Copy, Debug)]
struct WaitArgs {
    /// Wait for a database that is suspended, starting or failing over
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "2m", requires = "wait")]
    timeout: Lifetime,
}

impl WaitArgs {
    fn patience(self) -> Option<Duration> {
        self.wait.then(|| self.timeout.as_duration())
    }
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Only shares of this database
    #[arg(value_name = "KIND[/NAME]")]
    database: Option<Wanted>,
    /// Ask the databases too: sessions, passwords, logins that no share knows
    #[arg(long)]
    live: bool,
    /// Exit with 7 unless all shares are ok
    #[arg(long)]
    exit_code: bool,
    /// The Secret that holds the superuser's password, for --live
    #[arg(long, value_name = "SECRET", requires = "live")]
    superuser_secret: Option<ObjectName>,
}

#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = true, args = ["with", "all", "expired"])]
struct RevokeArgs {
    /// Which database
    #[arg(value_name = "KIND[/NAME]")]
    database: Option<Wanted>,
    /// The namespace it was shared with
    #[arg(long, value_name = "NAMESPACE", conflicts_with_all = ["all", "expired"], requires = "database")]
    with: Option<Namespace>,
    /// All shares of the database, or of the namespace when no database is given
    #[arg(long, conflicts_with = "expired")]
    all: bool,
    /// All shares whose time is over
    #[arg(long)]
    expired: bool,
    /// Hand over what the colleague owns in the database to this role
    #[arg(long, value_name = "ROLE")]
    reassign_to: Option<String>,
    /// Open the database to the whole cluster again, if --isolate closed it
    #[arg(long)]
    unisolate: bool,
    /// The Secret that holds the superuser's password, when the catalogue's own does not
    #[arg(long, value_name = "SECRET")]
    superuser_secret: Option<ObjectName>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Args, Debug)]
struct ConnectArgs {
    /// The share: the owner's namespace and the database, as the owner's grant printed it
    #[arg(value_name = "NAMESPACE/DATABASE")]
    share: connect::ShareName,
    /// Print the login instead of running a command: env, uri or pgpass
    #[arg(long, value_enum, conflicts_with = "command")]
    print: Option<PrintForm>,
    /// Print the login although standard output is a terminal
    #[arg(long, requires = "print")]
    show_secret: bool,
    /// The command to run with the login in its environment
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Reads the command line and carries it out; returns the exit code.
pub(crate) fn run(world: &World, arguments: Vec<OsString>) -> u8 {
    let name = DisplayName::of(
        world,
        arguments.first().map(OsString::as_os_str),
        FALLBACK_NAME,
    );
    let ShareDb {
        connection,
        output: OutputArgs { output: format },
        version: _,
        verb,
    } = match cli::parse::<ShareDb>(world, &name, arguments, Some("grant")) {
        Parsed::Arguments(arguments) => arguments,
        Parsed::Printed(code) => return code,
    };
    let shell = Shell { world, format };
    let desk = || Desk::at(world, &connection, &name);
    match verb {
        Verb::Grant(args) => {
            let differs = args.dry_run.exit_code.then_some(Kind::Differs);
            let request = args.into_request();
            shell.run(
                async {
                    let done = grant::grant(&desk().await?, &request).await?;
                    Ok(Granted::new(&name, &request, done))
                },
                |granted| differs.filter(|_| granted.differs()),
            )
        }
        Verb::List(ListArgs {
            database,
            live,
            exit_code,
            superuser_secret,
        }) => {
            let request = ListRequest {
                database,
                live,
                superuser_secret,
            };
            shell.run(
                async { list::list(&desk().await?, &request).await },
                |shares| (exit_code && !shares.are_all_ok()).then_some(Kind::Differs),
            )
        }
        Verb::Revoke(args) => {
            let differs = args.dry_run.exit_code.then_some(Kind::Differs);
            let request = args.into_request();
            shell.run(
                async { revoke::revoke(&desk().await?, &request).await },
                |revoked| revoked.kind().or(differs.filter(|_| revoked.differs())),
            )
        }
        Verb::Connect(ConnectArgs {
            share,
            print,
            show_secret,
            command,
        }) => {
            let request = ConnectRequest {
                share,
                print,
                show_secret,
                command,
            };
            let failed_early = request.failure_kind();
            shell.run_raw(async {
                let connected = async { connect::connect(&desk().await?, &request).await }.await;
                connected.map_err(|failure| match failed_early {
                    Some(kind) => failure.with_kind(kind),
                    None => failure,
                })
            })
        }
    }
}

impl GrantArgs {
    fn into_request(self) -> GrantRequest {
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
        GrantRequest {
            wanted: database,
            with,
            subjects: subject,
            schemas: schema,
            sql_database,
            access,
            expiry: match (until, no_expiry) {
                (Some(until), _) => ExpiryAsked::Until(until),
                (None, true) => ExpiryAsked::Never,
                (None, false) => ExpiryAsked::For(lifetime.unwrap_or(DEFAULT_LIFETIME)),
            },
            renew,
            connection_limit: (connection_limit > 0).then_some(connection_limit),
            isolate,
            superuser_secret,
            patience: wait.patience(),
            dry_run,
            confirm,
        }
    }
}

impl RevokeArgs {
    fn into_request(self) -> RevokeRequest {
        let Self {
            database,
            with,
            all,
            expired: _,
            reassign_to,
            unisolate,
            superuser_secret,
            dry_run:
                DryRunArgs {
                    dry_run,
                    exit_code: _,
                },
            confirm,
        } = self;
        RevokeRequest {
            database,
            which: match (with, all) {
                (Some(with), _) => Which::With(with),
                (None, true) => Which::All,
                (None, false) => Which::Expired,
            },
            reassign_to,
            unisolate,
            superuser_secret,
            dry_run,
            confirm,
        }
    }
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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        ShareDb::command().debug_assert();
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
