//! The session's token, for who only looks: nobody is asked to log in.

use std::time::Duration;

use datalab_core::{
    oidc::{
        Claims, DeviceCode, Error, Force, LoginOptions, LoginWay, Obtained, Pending, Person, Wanted,
    },
    report::{Failure, Kind},
    words::Secret,
};

use crate::{choice::Choice, desk::Desk, explain::explain};

/// What the session's token says.
pub(crate) fn claims(token: &Secret<String>) -> Result<Claims, Failure> {
    Claims::unchecked(token.expose())
        .ok_or_else(|| Failure::new(Kind::Failed, "the session's token is not one"))
}

/// The session's token, exchanged if need be; nobody is asked to log in.
pub(crate) async fn current(choice: &Choice, desk: &Desk<'_>) -> Result<Obtained, Failure> {
    let login = LoginOptions {
        person_is_there: false,
        ..choice.login_for_program(Duration::ZERO, desk)
    };
    let wanted = Wanted {
        scopes: &choice.scopes,
        force: Force::No,
        login: &login,
    };
    let mut nobody = Nobody {
        issuer: choice.identity.issuer.clone(),
    };
    let obtained = choice.session(desk).obtain(&wanted, &mut nobody).await;
    obtained.map_err(|error| explain(error, choice, desk))
}

/// Whom no login page is shown to.
struct Nobody {
    issuer: String,
}

impl Person for Nobody {
    fn way(&mut self, _: bool) -> Result<LoginWay, Error> {
        Err(Error::LoginNeeded {
            issuer: self.issuer.clone(),
            reason: Some("the session is over".to_owned()),
        })
    }

    fn page(&mut self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn code(&mut self, _: &DeviceCode) {}

    fn waiting(&mut self, _: Option<&Pending>, _: Option<u32>) {}

    fn note(&mut self, _: &str) {}
}
