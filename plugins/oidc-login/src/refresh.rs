//! A new token before its time: when groups have changed.

use std::time::Duration;

use datalab_core::{
    login::{Flow, Terminal},
    oidc::{Force, Wanted},
    report::Failure,
};

use crate::{choice::Choice, desk::Desk, get_token::explain, login::LoggedIn};

/// Exchanges the session's token, now.
pub(crate) async fn refresh(
    choice: &Choice,
    login_limit: Duration,
    desk: &Desk<'_>,
) -> Result<LoggedIn, Failure> {
    let began = desk.world.now();
    let session = choice.session(desk);
    if session.read()?.is_none() {
        return Err(not_logged_in(choice, desk));
    }
    let options = choice.login_for_person(login_limit, desk);
    let wanted = Wanted {
        scopes: &choice.scopes,
        force: Force::Now,
        login: &options,
    };
    let mut person =
        Terminal::new(desk.world, &choice.identity.issuer, Flow::Auto).deliberate(false);
    let obtained = session.obtain(&wanted, &mut person).await;
    let obtained = obtained.map_err(|error| explain(error, choice, desk))?;
    Ok(LoggedIn::new(&obtained.record, began))
}

/// There is no session.
pub(crate) fn not_logged_in(choice: &Choice, desk: &Desk<'_>) -> Failure {
    let error = datalab_core::oidc::Error::LoginNeeded {
        issuer: choice.identity.issuer.clone(),
        reason: None,
    };
    explain(error, choice, desk)
}
