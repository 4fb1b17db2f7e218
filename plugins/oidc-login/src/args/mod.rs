//! The command line, and the way from it to the exit code.

mod registration;
mod session;
mod setup;
mod verbs;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use clap::{Parser, Subcommand};
use datalab_core::{
    cli::{self, DisplayName, OutputArgs, Parsed, Shell},
    report::{Failure, Format, Kind, printable},
    world::World,
};

pub(crate) use self::session::SessionArgs;
use self::{
    setup::SetupArgs,
    verbs::{DoctorArgs, GetTokenArgs, LoginArgs, LogoutArgs, RefreshArgs, TokenArgs, WhoamiArgs},
};
use crate::{
    choice::Choice,
    desk::Desk,
    doctor, examples,
    exec_credential::Asked,
    get_token, login, logout, token,
    trust::{self, Destination},
    warm::EXEC_INFO,
};

/// How the command is spelled when nothing says otherwise.
const FALLBACK_NAME: &str = "kubectl datalab oidc-login";

/// What kubectl runs.
const GET_TOKEN: &str = "get-token";

/// What the tool is, in its help page.
const ABOUT: &str = "\
Log in once at the platform's identity provider; every kubectl call as fast as without it

setup writes a kubeconfig whose user is this program. From then on kubectl logs in by itself when
it must, and several accounts, tools and terminals share one login.";

#[derive(Debug, Parser)]
#[command(
    about = ABOUT,
    long_about = None,
    after_help = examples::of_all(),
    version,
    disable_version_flag = true,
    max_term_width = 100
)]
struct OidcLogin {
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
    /// Write a kubeconfig whose user is this program, or print what administrators need for it
    #[command(after_help = examples::SETUP)]
    Setup(Box<SetupArgs>),
    /// Print a token for kubectl; what a kubeconfig runs
    #[command(after_help = examples::GET_TOKEN)]
    GetToken(GetTokenArgs),
    /// Log in, or finish a login that waits elsewhere
    #[command(after_help = examples::LOGIN)]
    Login(LoginArgs),
    /// End a session here and at the identity provider
    #[command(after_help = examples::LOGOUT)]
    Logout(LogoutArgs),
    /// List the sessions, with account, issuer and true end
    #[command(after_help = examples::LIST)]
    List,
    /// Show who one is, by the token, and to the API server
    #[command(after_help = examples::WHOAMI)]
    Whoami(WhoamiArgs),
    /// Print a token of the same login for another service
    #[command(after_help = examples::TOKEN)]
    Token(TokenArgs),
    /// Exchange the token before its time, when groups have changed
    #[command(after_help = examples::REFRESH)]
    Refresh(RefreshArgs),
    /// Say why an API server does not accept the token (401)
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
}

/// Reads the command line and carries it out; returns the exit code.
pub(crate) fn run(world: &World, arguments: &[OsString]) -> u8 {
    let name = DisplayName::of(
        world,
        arguments.first().map(OsString::as_os_str),
        FALLBACK_NAME,
    );
    let argv0 = arguments.first().cloned();
    let mut arguments = arguments.to_vec();
    // A kubeconfig may name the bare tool.
    let by_kubectl = world.environment().get(EXEC_INFO).is_some();
    if by_kubectl && arguments.len() == 1 {
        arguments.push(GET_TOKEN.into());
    }
    let implied = by_kubectl.then_some(GET_TOKEN);
    let OidcLogin {
        output: OutputArgs { output: format },
        version: _,
        verb,
    } = match cli::parse::<OidcLogin>(world, &name, arguments, implied) {
        Parsed::Arguments(arguments) => arguments,
        Parsed::Printed(code) => return code,
    };
    if let Some(failure) = other_form(&verb, &format) {
        let shell = Shell { world, format };
        return shell.run_text(async { Err(failure) });
    }
    let shell = Shell { world, format };
    let desk = || Desk::at(world, &name);
    match verb {
        Verb::Setup(args) => {
            let prints = args.prints();
            let request = args.into_request();
            let program = || own_path(world, argv0.as_deref());
            if prints {
                return shell
                    .run_text(async { crate::setup::print(world, &request, &program()?).await });
            }
            shell.run(
                cli::interruptible(async {
                    let set_up = crate::setup::setup(world, &request, &program()?).await?;
                    for warning in set_up.warnings() {
                        world
                            .streams()
                            .talk(&format!("warning: {}", printable(warning)));
                    }
                    Ok(set_up)
                }),
                |_| None,
            )
        }
        Verb::GetToken(GetTokenArgs {
            session,
            flow,
            show_secret,
        }) => shell.run_text(async {
            let request = get_token::Request {
                asked: Asked::read(world)?,
                flow: flow.flow,
                login_limit: flow.limit(),
                show_secret,
            };
            let desk = desk()?;
            let choice = Choice::for_kubectl(&session, &request.asked, &desk)?;
            get_token::get_token(&choice, &request, &desk).await
        }),
        Verb::Login(LoginArgs {
            session,
            flow,
            no_browser,
            prompt,
            any_server,
            registration,
        }) => shell.run(
            cli::interruptible(async {
                let request = login::Request {
                    flow: flow.flow,
                    login_limit: flow.limit(),
                    shows_only: no_browser,
                    anew: prompt.is_some(),
                    names_issuer: session.issuer.is_some(),
                    any_server,
                    registration: registration.into_registration(),
                };
                let desk = desk()?;
                let choice = Choice::make(&session, &desk)?;
                login::login(&choice, &request, &desk).await
            }),
            |_| None,
        ),
        Verb::Logout(LogoutArgs { session, sso, all }) => shell.run(
            async {
                let desk = desk()?;
                let extent = if all {
                    logout::Extent::All
                } else if sso {
                    logout::Extent::Everywhere(Choice::make(&session, &desk)?)
                } else {
                    logout::Extent::One(Choice::make(&session, &desk)?)
                };
                logout::logout(&extent, &desk).await
            },
            logout::LogoutList::kind,
        ),
        Verb::List => shell.run(async { crate::list::list(&desk()?) }, |_| None),
        Verb::Whoami(WhoamiArgs { session, server }) => shell.run(
            cli::interruptible(async {
                let desk = desk()?;
                let choice = Choice::make(&session, &desk)?;
                crate::whoami::whoami(&choice, &session, server, &desk).await
            }),
            |_| None,
        ),
        Verb::Doctor(DoctorArgs {
            session,
            authentication_config,
            onyxia,
            region,
        }) => shell.run(
            cli::interruptible(async {
                let request = doctor::Request {
                    authentication_config,
                    onyxia,
                    region,
                };
                let desk = desk()?;
                let choice = trusted(&session, &desk).await?;
                doctor::doctor(&choice, &session, &request, &desk).await
            }),
            doctor::Diagnosis::kind,
        ),
        Verb::Token(TokenArgs {
            audience,
            session,
            flow,
            show_secret,
        }) => shell.run_text(async {
            let request = token::Request {
                audience,
                flow: flow.flow,
                login_limit: flow.limit(),
                show_secret,
            };
            let desk = desk()?;
            let choice = trusted(&session, &desk).await?;
            token::token(&choice, &request, &desk).await
        }),
        Verb::Refresh(RefreshArgs {
            session,
            now: _,
            login_timeout,
        }) => shell.run(
            cli::interruptible(async {
                let desk = desk()?;
                let choice = trusted(&session, &desk).await?;
                crate::refresh::refresh(&choice, login_timeout.as_duration(), &desk).await
            }),
            |_| None,
        ),
    }
}

/// What is wrong with a form that a verb does not have: whoever asks for it would read something
/// else without a word.
fn other_form(verb: &Verb, format: &Format) -> Option<Failure> {
    let problem = match (verb, format) {
        (Verb::GetToken(_), Format::Table | Format::Json) | (Verb::Token(_), Format::Table) => {
            return None;
        }
        (Verb::GetToken(_), _) => "get-token prints what kubectl reads: JSON, and no other form",
        (Verb::Token(_), _) => "token prints the token alone, in no other form",
        _ => return None,
    };
    Some(Failure::new(Kind::Usage, problem).next("the same command without --output"))
}

/// The session that is meant, of an issuer that the user trusts: a kubeconfig may have chosen it.
async fn trusted(args: &SessionArgs, desk: &Desk<'_>) -> Result<Choice, Failure> {
    let choice = Choice::make(args, desk)?;
    trust::ensure(&choice, Destination::Caller, true, desk).await?;
    Ok(choice)
}

/// What a kubeconfig is to run.
fn own_path(world: &World, argv0: Option<&OsStr>) -> Result<PathBuf, Failure> {
    world.own_path(argv0).map_err(|error| {
        Failure::new(Kind::Failed, "it is not known where this program lies")
            .caused_by(&error)
            .state("nothing was written")
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        OidcLogin::command().debug_assert();
    }
}
