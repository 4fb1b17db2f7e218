//! The command line, a file for each verb, and the way from it to the exit code.

mod connect;
mod grant;
mod list;
mod revoke;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};
use datalab_core::{
    cli::{self, ConnectionArgs, DisplayName, OutputArgs, Parsed, Shell},
    report::Kind,
    world::World,
};

use self::{connect::ConnectArgs, grant::GrantArgs, list::ListArgs, revoke::RevokeArgs};
use crate::{connect::connect, desk::Desk, examples, outcome::Granted};

/// How the command is spelled when nothing says otherwise.
const FALLBACK_NAME: &str = "kubectl datalab share-db";

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
    /// Use a database that was shared with you, from a pod of the cluster or from your own machine
    #[command(after_help = examples::CONNECT)]
    Connect(ConnectArgs),
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
            shell.run(
                async {
                    let request = args.into_request(world.environment())?;
                    let done = crate::grant::grant(&desk().await?, &request).await?;
                    Ok(Granted::new(&name, &request, done))
                },
                |granted| differs.filter(|_| granted.differs()),
            )
        }
        Verb::List(args) => {
            let exit_code = args.exit_code;
            let request = args.into_request();
            shell.run(
                async { crate::list::list(&desk().await?, &request).await },
                |shares| (exit_code && !shares.are_all_ok()).then_some(Kind::Differs),
            )
        }
        Verb::Revoke(args) => {
            let differs = args.dry_run.exit_code.then_some(Kind::Differs);
            let request = args.into_request();
            shell.run(
                async { crate::revoke::revoke(&desk().await?, &request).await },
                |revoked| revoked.kind().or(differs.filter(|_| revoked.differs())),
            )
        }
        Verb::Connect(args) => {
            let request = args.into_request();
            let failed_early = request.failure_kind();
            shell.run_raw(async {
                let connected = async { connect(&desk().await?, &request).await }.await;
                connected.map_err(|failure| match (failed_early, failure.kind()) {
                    (_, Kind::Interrupted | Kind::Terminated) | (None, _) => failure,
                    (Some(kind), found) if found == kind || failure.has_state() => {
                        failure.with_kind(kind)
                    }
                    (Some(kind), _) => failure.with_kind(kind).state("no command was started"),
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
}
