//! The command line, and the way from it to the exit code.

mod configure;
mod fallback;
mod keys;
mod login;
mod source;
mod verbs;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{Parser, Subcommand};
use datalab_core::{
    cli::{self, DisplayName, OutputArgs, Parsed, Shell},
    report::{Failure, Format, Kind},
    world::World,
};

use self::{
    configure::ConfigureArgs,
    source::SourceArgs,
    verbs::{
        CredentialProcessArgs, ExecArgs, GetArgs, LogoutArgs, ReportArgs, ServeArgs, ShellArgs,
        StatusArgs, VerifyArgs,
    },
};
use crate::{
    child, configure as settings, desk::Desk, doctor, examples, forms::Form, get, logout, profiles,
    serve, status, verify, whoami,
};

/// How the command is spelled when nothing says otherwise.
const FALLBACK_NAME: &str = "kubectl datalab s3-creds";

/// What the tool is, in its help page.
const ABOUT: &str = "\
From one login to S3, in the form the next tool wants

Keys for the platform's object storage, of the login that kubectl uses too; they live for hours,
and are renewed for who asks again.";

#[derive(Debug, Parser)]
#[command(
    about = ABOUT,
    long_about = None,
    after_help = examples::of_all(),
    version,
    disable_version_flag = true,
    max_term_width = 100
)]
struct S3Creds {
    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print keys in the form of the next tool: -o env, json, duckdb and more
    #[command(after_help = examples::of_get())]
    Get(Box<GetArgs>),
    /// Print keys as an AWS SDK expects of its credential_process
    #[command(after_help = examples::CREDENTIAL_PROCESS)]
    CredentialProcess(Box<CredentialProcessArgs>),
    /// Run a command with keys in its environment
    #[command(after_help = examples::EXEC)]
    Exec(Box<ExecArgs>),
    /// Start a shell with keys in its environment
    #[command(after_help = examples::SHELL)]
    Shell(Box<ShellArgs>),
    /// Hand out keys to programs on this machine, renewed, as AWS' container credentials
    #[command(after_help = examples::SERVE)]
    Serve(Box<ServeArgs>),
    /// Set up aws, rclone, duckdb, s3cmd or mc for the store, in their own files
    #[command(after_help = examples::CONFIGURE)]
    Configure(Box<ConfigureArgs>),
    /// List the keys that are kept, and how long they live; asks nobody
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// List the profiles that the platform has for you
    #[command(after_help = examples::PROFILES)]
    Profiles(Box<ReportArgs>),
    /// Show who the store takes you for, by the token that it is sent
    #[command(after_help = examples::WHOAMI)]
    Whoami(Box<ReportArgs>),
    /// Try: ask for new keys, list, and with --write also write
    #[command(after_help = examples::VERIFY)]
    Verify(Box<VerifyArgs>),
    /// Say why there are no keys, or why they do nothing
    #[command(after_help = examples::DOCTOR)]
    Doctor(Box<ReportArgs>),
    /// Take kept keys away from this machine
    #[command(after_help = examples::LOGOUT)]
    Logout(LogoutArgs),
}

/// Reads the command line and carries it out; returns the exit code.
pub(crate) fn run(world: &World, arguments: &[OsString]) -> u8 {
    let argv0 = arguments.first().map(OsString::as_os_str);
    let name = DisplayName::of(world, argv0, FALLBACK_NAME);
    let S3Creds { version: _, verb } =
        match cli::parse::<S3Creds>(world, &name, arguments.to_vec(), None) {
            Parsed::Arguments(arguments) => arguments,
            Parsed::Printed(code) => return code,
        };
    let desk = || Desk::at(world, &name);
    let shell = |output: OutputArgs| Shell {
        world,
        format: output.output,
    };
    let plain = Shell {
        world,
        format: Format::Table,
    };
    match verb {
        Verb::Get(args) => {
            let GetArgs {
                output,
                name,
                show_secret,
                source,
            } = *args;
            if output.is_none() && world.streams().out_is_terminal() && !show_secret {
                return plain.run(
                    cli::interruptible(async {
                        let (source, terms) = source.into_request(world)?;
                        get::summary(&source, &terms, &desk()?).await
                    }),
                    |_| None,
                );
            }
            plain.run_text(async {
                let (source, terms) = source.into_request(world)?;
                let request = get::Request {
                    source,
                    terms,
                    form: output.unwrap_or(Form::Env),
                    name,
                    own_path: own_path(world, argv0)?,
                    show_secret,
                };
                get::get(&request, &desk()?).await
            })
        }
        Verb::CredentialProcess(args) => plain.run_text(async {
            let CredentialProcessArgs {
                show_secret,
                source,
            } = *args;
            let (source, terms) = source.into_request(world)?;
            let request = get::Request {
                source,
                terms,
                form: Form::CredentialProcess,
                name: None,
                own_path: own_path(world, argv0)?,
                show_secret,
            };
            get::get(&request, &desk()?).await
        }),
        Verb::Exec(args) => {
            let ExecArgs {
                renew,
                source,
                command,
            } = *args;
            child(&plain, &desk, source, renew, command)
        }
        Verb::Shell(args) => {
            let ShellArgs { renew, source } = *args;
            child(&plain, &desk, source, renew, vec![own_shell(world)])
        }
        Verb::Serve(args) => plain.run_raw(cli::interruptible(async {
            let ServeArgs {
                port,
                token_file,
                output,
                show_secret,
                source,
            } = *args;
            let (source, terms) = source.into_request(world)?;
            let request = serve::Request {
                source,
                terms,
                port,
                token_file,
                form: output,
                show_secret,
            };
            match serve::serve(&request, &desk()?, |text| plain.print(text)).await? {}
        })),
        Verb::Configure(args) => shell(args.output.clone()).run(
            cli::interruptible(async {
                let request = args.into_request(own_path(world, argv0)?, world)?;
                settings::configure(&request, &desk()?).await
            }),
            |_| None,
        ),
        Verb::Status(args) => shell(args.output).run(async { status::status(&desk()?) }, |_| None),
        Verb::Profiles(args) => {
            let ReportArgs { output, source } = *args;
            shell(output).run(
                cli::interruptible(async {
                    let (source, terms) = source.into_request(world)?;
                    profiles::profiles(&source, terms.how, &desk()?).await
                }),
                |_| None,
            )
        }
        Verb::Whoami(args) => {
            let ReportArgs { output, source } = *args;
            shell(output).run(
                cli::interruptible(async {
                    let (source, terms) = source.into_request(world)?;
                    whoami::whoami(&source, terms.how, &desk()?).await
                }),
                |_| None,
            )
        }
        Verb::Verify(args) => {
            let VerifyArgs {
                write,
                output,
                source,
            } = *args;
            shell(output).run(
                cli::interruptible(async {
                    let (source, terms) = source.into_request(world)?;
                    verify::verify(&source, &terms, write, &desk()?).await
                }),
                verify::Verdict::kind,
            )
        }
        Verb::Doctor(args) => {
            let ReportArgs { output, source } = *args;
            shell(output).run(
                cli::interruptible(async {
                    let (source, terms) = source.into_request(world)?;
                    Ok(doctor::doctor(&source, &terms, &desk()?).await)
                }),
                doctor::Diagnosis::kind,
            )
        }
        Verb::Logout(args) => {
            let LogoutArgs {
                output,
                endpoint,
                profile,
                all,
            } = args;
            let request = logout::Request {
                endpoint,
                profile,
                all,
            };
            shell(output).run(async { logout::logout(&request, &desk()?) }, |_| None)
        }
    }
}

/// Runs a command with keys. A signal that comes before it is started ends this program.
fn child<'w>(
    shell: &Shell<'w>,
    desk: &impl Fn() -> Result<Desk<'w>, Failure>,
    source: SourceArgs,
    renew: bool,
    command: Vec<OsString>,
) -> u8 {
    let before = |failure: Failure| failure.with_kind(Kind::BeforeCommand);
    shell.run_raw(async {
        let (source, terms) = source.into_request(shell.world).map_err(before)?;
        let mut words = command.into_iter();
        let request = child::Request {
            source,
            terms,
            renew,
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
        };
        child::run(&request, &desk().map_err(before)?).await
    })
}

/// The user's shell.
fn own_shell(world: &World) -> OsString {
    let shell = world.environment().get("SHELL");
    shell.unwrap_or(OsStr::new("/bin/sh")).to_owned()
}

/// Where this program lies.
fn own_path(world: &World, argv0: Option<&OsStr>) -> Result<PathBuf, Failure> {
    world.own_path(argv0).map_err(|error| {
        Failure::new(Kind::Failed, "it is not known where this program lies").caused_by(&error)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        S3Creds::command().debug_assert();
    }
}
