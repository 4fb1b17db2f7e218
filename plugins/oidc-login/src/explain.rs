//! What stands between a user and a token, with the command that goes on from there.

use datalab_core::{cli, oidc::Error, report::Failure, store::SealError};

use crate::{choice::Choice, desk::Desk};

/// Adds the command that goes on from a failed login.
pub(crate) fn explain(error: Error, choice: &Choice, desk: &Desk<'_>) -> Failure {
    let login = format!("{} login {}", desk.name, choice.words(desk));
    let next = match &error {
        error if error.needs_login() => Some(login),
        Error::OtherAccount { .. } | Error::Seal(SealError::Keyring(_)) => {
            Some(format!("{login} --prompt login"))
        }
        Error::NoWay { .. } => Some(format!("{login} --flow device")),
        // RFC 6749, section 5.2: this client may not use this grant; there is another one.
        Error::Refused { code, .. } if code == "unauthorized_client" => {
            Some(format!("{login} --flow browser"))
        }
        Error::Refused { code, .. } if code == "invalid_client" => Some(format!(
            "{} setup --print keycloak-client {}",
            desk.name,
            choice.words(desk)
        )),
        _ => None,
    };
    let is_unknown = matches!(&error, Error::Refused { code, .. } if code == "invalid_client");
    let other_way = match &error {
        Error::NotFinished {
            in_browser: true, ..
        } => next.as_ref().map(|login| format!("{login} --flow device")),
        _ => None,
    };
    let mut failure = Failure::from(error);
    if is_unknown {
        failure = failure.detail(
            "the client's id is misspelt, or nobody has registered it: an administrator does; or it \
             has a secret, which --client-secret-file FILE tells login and setup",
        );
    }
    next.into_iter()
        .chain(other_way)
        .fold(failure, Failure::next)
}

/// There is no session.
pub(crate) fn not_logged_in(choice: &Choice, desk: &Desk<'_>) -> Failure {
    let error = Error::LoginNeeded {
        issuer: choice.identity.issuer.clone(),
        reason: None,
    };
    explain(error, choice, desk)
}

/// A token on a screen, unless the user wants it there.
pub(crate) fn refuse_screen(show_secret: bool, desk: &Desk<'_>) -> Result<(), Failure> {
    cli::refuse_screen(desk.world, show_secret, "the result").map_err(|failure| {
        failure
            .next("the same command with its output sent elsewhere, or with --show-secret")
            .next(format!("{} whoami", desk.name))
    })
}
