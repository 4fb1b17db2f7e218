//! A new token before its time: when groups have changed.

use std::time::Duration;

use datalab_core::{
    login::{Flow, Terminal},
    oidc::{Force, Wanted},
    report::Failure,
};

use crate::{
    choice::Choice,
    desk::Desk,
    explain::{explain, not_logged_in},
    login::LoggedIn,
};

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
