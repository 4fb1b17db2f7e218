//! The end of a session, here and at the provider.

use datalab_core::{
    oidc::{Identity, LoggedOut, Record},
    report::{Failure, Kind, Outcome},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{choice::Choice, desk::Desk, login::whole_seconds};

/// What ends.
#[derive(Clone, Debug)]
pub(crate) enum Extent {
    /// One session of ours.
    One(Choice),
    /// One session of ours, and the user's whole login at the provider.
    Everywhere(Choice),
    /// All sessions of ours.
    All,
}

/// What became of it.
#[derive(Debug, Serialize)]
pub(crate) struct LogoutList {
    items: Vec<Ended>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended {
    account: String,
    issuer: String,
    /// Whether the provider has ended its part.
    revoked: bool,
    /// Why not, in a line.
    reason: Option<String>,
    /// Whether the whole login at the provider was ended.
    sso: bool,
    /// Until when a token that somebody has holds all the same.
    token_expires: Timestamp,
    /// When the provider's part ends by itself, if it does.
    session_ends: Option<Timestamp>,
}

impl Ended {
    fn new(logged_out: LoggedOut, sso: bool) -> Self {
        let LoggedOut { record, provider } = logged_out;
        Self {
            account: record.username,
            issuer: record.identity.issuer,
            revoked: provider.is_ok(),
            reason: provider.err().map(|error| error.to_string()),
            sso,
            token_expires: record.expires,
            session_ends: record.ends,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("logged out {} at {}", self.account, self.issuer);
        match (&self.reason, self.sso) {
            (None, false) => {}
            (None, true) => text
                .push_str("\n  everywhere  the login at the issuer is over, for all applications"),
            (Some(reason), _) => {
                let end = match self.session_ends {
                    Some(ends) => format!("it ends by itself at {}", whole_seconds(ends)),
                    None => "end it on the issuer's account page".to_owned(),
                };
                text.push_str(&format!(
                    "\n  pending     the issuer could not end its part ({reason}); nothing is left here, and {end}"
                ));
            }
        }
        text.push_str(&format!(
            "\n  tokens      one that was handed out holds until {}, whatever is revoked",
            whole_seconds(self.token_expires)
        ));
        text
    }
}

impl LogoutList {
    /// Something at a provider goes on.
    pub(crate) fn kind(&self) -> Option<Kind> {
        self.items
            .iter()
            .any(|ended| !ended.revoked)
            .then_some(Kind::Partial)
    }
}

impl Outcome for LogoutList {
    const KIND: &'static str = "LogoutList";

    fn text(&self, _wide: bool) -> String {
        match self.items.is_empty() {
            true => "not logged in".to_owned(),
            false => self
                .items
                .iter()
                .map(Ended::text)
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }

    fn names(&self) -> Vec<String> {
        self.items
            .iter()
            .map(|ended| format!("session/{}", ended.account))
            .collect()
    }
}

/// Ends sessions. What is kept here goes in any case.
pub(crate) async fn logout(extent: &Extent, desk: &Desk<'_>) -> Result<LogoutList, Failure> {
    let (sessions, sso): (Vec<(Identity, Vec<_>)>, bool) = match extent {
        Extent::One(choice) | Extent::Everywhere(choice) => (
            vec![(choice.identity.clone(), choice.authorities.clone())],
            matches!(extent, Extent::Everywhere(_)),
        ),
        Extent::All => (
            desk.sessions
                .all()?
                .into_iter()
                .map(|record: Record| (record.identity, record.authorities))
                .collect(),
            false,
        ),
    };
    let mut items = Vec::new();
    for (identity, authorities) in sessions {
        let session = desk.sessions.session(&identity, &authorities);
        let ended = session.log_out(sso).await?;
        items.extend(ended.map(|ended| Ended::new(ended, sso)));
    }
    Ok(LogoutList { items })
}
