//! A person's own login.

use std::time::Duration;

use datalab_core::{
    login::{Flow, Terminal},
    oidc::{Force, LoginOptions, Obtained, Record, Registration, Wanted},
    report::{Failure, Outcome, in_seconds, whole_seconds},
    store::KeyPlace,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    choice::Choice,
    desk::Desk,
    explain::explain,
    trust::{self, Destination},
};

/// How to log in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) flow: Flow,
    pub(crate) login_limit: Duration,
    /// Whether the page is only shown.
    pub(crate) shows_only: bool,
    /// Whether the provider asks for a password in any case, and an existing session is left.
    pub(crate) anew: bool,
    /// Whether the command line names the issuer.
    pub(crate) names_issuer: bool,
    /// Whether kubeconfigs that do not name their server get tokens.
    pub(crate) any_server: bool,
    /// What is new of how the client is registered.
    pub(crate) registration: Registration,
}

/// A session that is there now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedIn {
    account: String,
    issuer: String,
    client_id: String,
    /// What was done for it.
    done: Done,
    /// Until when the token at hand holds.
    #[serde(serialize_with = "in_seconds")]
    token_expires: Timestamp,
    /// When the session ends unless it is used.
    #[serde(serialize_with = "in_seconds")]
    session_ends: Option<Timestamp>,
    /// Whether its token is renewed when it is used.
    renewable: bool,
    /// Where the key of what is kept lies.
    key: KeyPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    /// Somebody logged in.
    LoggedIn,
    /// The token was exchanged.
    Refreshed,
    /// Nothing had to be.
    Nothing,
}

impl LoggedIn {
    pub(crate) fn new(record: &Record, since: Timestamp) -> Self {
        Self {
            account: record.username.clone(),
            issuer: record.identity.issuer.clone(),
            client_id: record.identity.client_id.clone(),
            done: if record.logged_in >= since {
                Done::LoggedIn
            } else if record.refreshed >= since {
                Done::Refreshed
            } else {
                Done::Nothing
            },
            token_expires: record.expires,
            session_ends: record.ends,
            renewable: record.renewable,
            key: record.key_place(),
        }
    }
}

impl Outcome for LoggedIn {
    const KIND: &'static str = "Login";

    fn text(&self, _wide: bool) -> String {
        let ends = match self.session_ends {
            _ if !self.renewable => {
                "ends with the token: the issuer gave no refresh token".to_owned()
            }
            Some(ends) => format!("ends at {} unless it is used", whole_seconds(ends)),
            None => "has no end that the issuer tells".to_owned(),
        };
        format!(
            "{} as {} at {}\n  session   {ends}\n  token     until {}{}\n  kept      sealed, its key in the {}",
            match self.done {
                Done::LoggedIn => "logged in",
                Done::Refreshed => "refreshed: logged in",
                Done::Nothing => "already logged in",
            },
            self.account,
            self.issuer,
            whole_seconds(self.token_expires),
            match self.renewable {
                true => ", renewed when it is used",
                false => "",
            },
            self.key,
        )
    }

    fn names(&self) -> Vec<String> {
        vec![format!("session/{}", self.account)]
    }
}

/// Logs in, unless that is done already.
pub(crate) async fn login(
    choice: &Choice,
    request: &Request,
    desk: &Desk<'_>,
) -> Result<LoggedIn, Failure> {
    let began = desk.world.now();
    // An issuer that the user names is trusted by that; one that only a kubeconfig names is not.
    if request.names_issuer {
        trust::trust(choice, request.any_server, &request.registration, desk).await?;
    } else {
        trust::ensure(choice, Destination::Caller, true, desk).await?;
        if request.any_server || request.registration != Registration::default() {
            trust::trust(choice, request.any_server, &request.registration, desk).await?;
        }
    }
    let options = LoginOptions {
        anew: request.anew,
        ..choice.login_for_person(request.login_limit, desk)
    };
    let wanted = Wanted {
        scopes: &options.scopes,
        force: Force::No,
        login: &options,
    };
    let mut person = Terminal::new(desk.world, &choice.identity.issuer, request.flow)
        .deliberate(request.shows_only);
    let session = choice.session(desk);
    let logged_in = if request.anew {
        session.log_in_anew(&wanted, &mut person).await
    } else {
        session.obtain(&wanted, &mut person).await
    };
    let Obtained { record, .. } = logged_in.map_err(|error| explain(error, choice, desk))?;
    Ok(LoggedIn::new(&record, began))
}
