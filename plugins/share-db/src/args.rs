use std::{ffi::OsString, time::Duration};

use clap::{Args, CommandFactory, Parser, Subcommand};
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
    examples,
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

/// The largest connection limit that PostgreSQL holds.
const CONNECTION_LIMIT_MAX: i64 = i32::MAX as i64;

/// What the tool is, in its help page.
const ABOUT: &str = "\
Share one database of your namespace with one colleague, and take it back

The colleague gets a login of their own, with no more privileges than asked for, in a Secret that
they and the pods of their namespace can read. Without a command, grant is meant.";

#[derive(Debug, Parser)]
#[command(
    about = ABOUT,
    long_about = None,
    after_help = examples::of_all(),
    version,
    disable_version_flag = true,
    max_term_width = 100
)]
struct ShareDb {
    #[command(flatten)]
    output: OutputArgs,
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Share a database, or change a share
    #[command(after_help = examples::GRANT)]
    Grant(GrantArgs),
    /// List the shares of your namespace, and whether they still hold
    #[command(after_help = examples::LIST)]
    List(ListArgs),
    /// Take shares back: cut the sessions, remove the login, its privileges and all objects
    #[command(after_help = examples::REVOKE)]
    Revoke(RevokeArgs),
    /// Use a database that was shared with you, from a pod of your namespace
    #[command(after_help = examples::CONNECT)]
    Connect(ConnectArgs),
}

#[derive(Args, Debug)]
struct GrantArgs {
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
    /// Secret with the superuser's username and password, if the catalogue made none
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
    /// How long --wait waits
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
    /// Ask the databases too: sessions, passwords, logins without a share
    #[arg(long)]
    live: bool,
    /// Exit with 7 unless all shares are ok; with --live, also when a database could not be asked
    #[arg(long)]
    exit_code: bool,
    /// As in grant, for --live
    #[arg(long, value_name = "SECRET", requires = "live")]
    superuser_secret: Option<ObjectName>,
}

#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = true, args = ["with", "all", "expired"])]
struct RevokeArgs {
    /// Which database, as in grant
    #[arg(value_name = "KIND[/NAME]")]
    database: Option<Wanted>,
    /// The namespace it was shared with
    #[arg(long, value_name = "NAMESPACE", conflicts_with_all = ["all", "expired"], requires = "database")]
    with: Option<Namespace>,
    /// All shares: of the database, or of your namespace if none is given
    #[arg(long, conflicts_with = "expired")]
    all: bool,
    /// All shares that have ended, of the database or of your namespace
    #[arg(long)]
    expired: bool,
    /// Role that gets what the colleague owns in the database; without it that stays, and is listed
    #[arg(long, value_name = "ROLE")]
    reassign_to: Option<String>,
    /// Open the database to the whole cluster again, if --isolate closed it
    #[arg(long)]
    unisolate: bool,
    /// Secret with the superuser's username and password, if the catalogue made none
    #[arg(long, value_name = "SECRET")]
    superuser_secret: Option<ObjectName>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Args, Debug)]
struct ConnectArgs {
    /// The owner's namespace and the database, as in user-me/postgresql-951239
    #[arg(value_name = "NAMESPACE/DATABASE")]
    share: connect::ShareName,
    /// Print the login instead: shell exports, a connection URI or a line of a password file
    #[arg(
        long,
        value_enum,
        value_name = "env|uri|pgpass",
        conflicts_with = "command",
        hide_possible_values = true
    )]
    print: Option<PrintForm>,
    /// Print it although standard output is a terminal
    #[arg(long, requires = "print")]
    show_secret: bool,
    /// Command to run with the login in PGHOST, PGUSER and so on [default: psql]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Reads the command line and carries it out; returns the exit code.
pub(crate) fn run(world: &World, arguments: &[OsString]) -> u8 {
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
    } = match cli::parse::<ShareDb>(world, &name, arguments.iter().cloned(), Some("grant")) {
        Parsed::Arguments(arguments) => arguments,
        Parsed::Printed(code)
            if code == Kind::Usage.exit_code() && is_before_command(arguments) =>
        {
            return Kind::BeforeCommand.exit_code();
        }
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

/// Whether a command was meant to be started: its exit code could be taken for a usage error of ours.
fn is_before_command(arguments: &[OsString]) -> bool {
    arguments.iter().any(|word| word == "--")
        && ShareDb::command()
            .no_binary_name(true)
            .ignore_errors(true)
            .try_get_matches_from(arguments.iter().skip(1))
            .is_ok_and(|matches| matches.subcommand_name() == Some("connect"))
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
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        ShareDb::command().debug_assert();
    }

    #[test]
    fn a_command_was_meant_only_behind_connect() {
        let meant = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            is_before_command(&words)
        };
        for line in [
            "share-db connect nowhere -- psql",
            "share-db connect -- psql",
            "share-db connect me/db --bogus -- psql",
            "share-db connect me/db --print nothing -- psql",
            "share-db -n user-x connect a/b/c -- psql",
        ] {
            assert!(meant(line), "{line}");
        }
        for line in [
            "share-db connect nowhere",
            "share-db connect me/db --bogus",
            "share-db postgres --with connect -- psql",
            "share-db grant postgres --with connect -- psql",
            "share-db list -- connect",
            "share-db -- connect",
        ] {
            assert!(!meant(line), "{line}");
        }
    }

    #[test]
    fn a_connection_limit_is_one_that_the_server_holds() {
        let limit = |text: &str| {
            let line = ["share-db", "grant", "postgres", "--with", "user-x"];
            ShareDb::try_parse_from(line.into_iter().chain(["--connection-limit", text]))
        };
        assert!(limit("2147483647").is_ok() && limit("0").is_ok());
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
