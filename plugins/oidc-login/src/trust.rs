//! Whether a login page may be shown, and a token sent where it would go: a kubeconfig may come
//! from a stranger, who can name an issuer of their own, or an API server of their own beside the
//! user's true issuer.

use std::path::Path;

use datalab_core::{
    oidc::{Familiarity, KnownIssuers, Registration, server_url},
    report::{Failure, Kind, printable, quoted_if_needed},
};

use crate::{choice::Choice, desk::Desk};

/// Stands for a server that the kubeconfig does not let kubectl name (`provideClusterInfo`).
const UNNAMED: &str = "*";

/// Where a token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Destination<'a> {
    /// To whoever runs the command.
    Caller,
    /// Through kubectl to an API server; `None` when the kubeconfig does not tell which.
    Server(Option<&'a str>),
}

impl Destination<'_> {
    fn server(&self) -> Option<&str> {
        match self {
            Self::Caller => None,
            Self::Server(server) => Some(server.unwrap_or(UNNAMED)),
        }
    }
}

/// Asks the user about an issuer, or a server, that they have not yet said yes to.
pub(crate) async fn ensure(
    choice: &Choice,
    destination: Destination<'_>,
    may_ask: bool,
    desk: &Desk<'_>,
) -> Result<(), Failure> {
    let identity = &choice.identity;
    let (issuer, client_id) = (&identity.issuer, &identity.client_id);
    let server = destination.server();
    let other_authority = other_authority(choice, desk);
    let (problem, question) = match desk.known.familiarity(issuer, client_id, server) {
        Familiarity::Known if other_authority.is_none() => return Ok(()),
        // Whoever else signs for an issuer can stand between it and the user.
        Familiarity::Known => (
            format!(
                "{issuer} was trusted with other certificate authorities than those in {}",
                other_authority
                    .map(|file| file.display().to_string())
                    .unwrap_or_default()
            ),
            "Believe them?".to_owned(),
        ),
        Familiarity::NewIssuer => (
            match choice.authorities.first() {
                None => {
                    format!("{issuer} (client {client_id}) is not among the issuers that you trust")
                }
                Some(file) => format!(
                    "{issuer} (client {client_id}), with the certificate authorities in {}, is not \
                     among the issuers that you trust",
                    file.display()
                ),
            },
            match server {
                Some(_) => format!("Log in there, and send its tokens {}?", to(destination)),
                None => "Log in there?".to_owned(),
            },
        ),
        Familiarity::NewServer => (
            match other_authority {
                None => format!(
                    "a token of {issuer} has not gone {} before",
                    to(destination)
                ),
                Some(file) => format!(
                    "a token of {issuer} has not gone {} before, and it was trusted with other certificate \
                     authorities than those in {}",
                    to(destination),
                    file.display()
                ),
            },
            "Send it there?".to_owned(),
        ),
    };
    // In one line, whatever somebody has put into a name.
    let in_line = |text: &str| printable(text).replace('\n', " ");
    let asked = format!(
        "{}\nWhoever made this kubeconfig may see your password or use your token. {} [y/N] ",
        in_line(&problem),
        in_line(&question),
    );
    let answer = may_ask.then(|| desk.world.streams().ask(&asked)).flatten();
    match answer.as_deref() {
        Some("y" | "Y" | "yes") => {}
        Some(_) => {
            return Err(
                Failure::new(Kind::Refused, problem).state("you said no; no login was begun")
            );
        }
        None => return Err(refused(choice, destination, problem, desk)),
    }
    let folder = KnownIssuers::folder(desk.world)?;
    KnownIssuers::update(&folder, desk.world, |known| {
        let known = known.entry(issuer, client_id);
        if let Some(server) = server {
            known.add_server(server);
        }
        if let Some(file) = choice.authorities.first() {
            known.certificate_authority = Some(file.clone());
        }
    })
    .await?;
    Ok(())
}

fn refused(
    choice: &Choice,
    destination: Destination<'_>,
    problem: String,
    desk: &Desk<'_>,
) -> Failure {
    let failure = Failure::new(Kind::Refused, problem)
        .detail("a kubeconfig can come from a stranger, and nobody is at a terminal to ask")
        .state("no login was begun, and no token was sent");
    let named = choice.words(desk);
    match destination {
        Destination::Server(Some(server)) => {
            let (url, has_own_way) = server_url(server);
            let failure = match has_own_way {
                true => failure.detail(
                    "its certificate authorities, proxy or TLS name count too: setup takes --server-ca FILE",
                ),
                false => failure,
            };
            let server = quoted_if_needed(url);
            failure.next(format!("{} setup {named} --server {server}", desk.name))
        }
        Destination::Server(None) => failure
            .detail(
                "with provideClusterInfo: true in the kubeconfig, it can be asked for one server",
            )
            .next(format!("{} login {named} --any-server", desk.name)),
        Destination::Caller => failure.next(format!("{} login {named}", desk.name)),
    }
}

/// The file with certificate authorities that is named for an issuer that was trusted without it.
fn other_authority<'a>(choice: &'a Choice, desk: &Desk<'_>) -> Option<&'a Path> {
    let identity = &choice.identity;
    let known = desk.known.find(&identity.issuer, &identity.client_id)?;
    let named = choice.authorities.first()?;
    (known.certificate_authority.as_ref() != Some(named)).then_some(named)
}

fn to(destination: Destination<'_>) -> String {
    match destination {
        Destination::Server(Some(server)) => match server_url(server) {
            (url, false) => format!("to {url}"),
            (url, true) => {
                format!("to {url} with this certificate authority, proxy or TLS name")
            }
        },
        _ => "to servers that a kubeconfig does not name".to_owned(),
    }
}

/// Takes the user's own command for a yes.
pub(crate) async fn trust(
    choice: &Choice,
    any_server: bool,
    registration: &Registration,
    desk: &Desk<'_>,
) -> Result<(), Failure> {
    let identity = &choice.identity;
    KnownIssuers::update(&KnownIssuers::folder(desk.world)?, desk.world, |known| {
        let known = known.entry(&identity.issuer, &identity.client_id);
        if any_server {
            known.add_server(UNNAMED);
        }
        known.registration.learn(registration);
        // The last word counts: the one before may have been a slip.
        if let Some(file) = choice.authorities.first() {
            known.certificate_authority = Some(file.clone());
        }
    })
    .await?;
    Ok(())
}
