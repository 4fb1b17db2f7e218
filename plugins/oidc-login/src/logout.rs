//! The end of a session, here and at the provider.

use datalab_core::{
    oidc::{Error, Identity, LoggedOut},
    report::{Failure, Kind, Outcome, whole_seconds},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{choice::Choice, desk::Desk};

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
    /// What is still there, a line each.
    unended: Vec<String>,
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
        let is_over = self.items.iter().all(|ended| ended.revoked) && self.unended.is_empty();
        (!is_over).then_some(Kind::Partial)
    }
}

impl Outcome for LogoutList {
    const KIND: &'static str = "LogoutList";

    fn text(&self, _wide: bool) -> String {
        let ended = self.items.iter().map(Ended::text);
        let unended = self
            .unended
            .iter()
            .map(|line| format!("not logged out: {line}"));
        let lines: Vec<_> = ended.chain(unended).collect();
        match lines.is_empty() {
            true => "not logged in".to_owned(),
            false => lines.join("\n"),
        }
    }

    fn names(&self) -> Vec<String> {
        self.items
            .iter()
            .map(|ended| format!("session/{}", ended.account))
            .collect()
    }
}

/// Ends sessions, as many as can be. What is kept here goes in any case.
pub(crate) async fn logout(extent: &Extent, desk: &Desk<'_>) -> Result<LogoutList, Failure> {
    let mut unended = Vec::new();
    let (identities, sso) = match extent {
        Extent::One(choice) => (vec![choice.identity.clone()], false),
        Extent::Everywhere(choice) => (vec![choice.identity.clone()], true),
        Extent::All => {
            let (records, unreadable) = desk.sessions.all()?;
            unended.extend(unreadable.iter().map(ToString::to_string));
            let identities = records.into_iter().map(|record| record.identity);
            (identities.collect::<Vec<Identity>>(), false)
        }
    };
    let mut items = Vec::new();
    for identity in identities {
        match end(&identity, sso, desk).await {
            Ok(ended) => items.extend(ended),
            Err(error) if matches!(extent, Extent::All) => {
                unended.push(format!("{identity}: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(LogoutList { items, unended })
}

async fn end(identity: &Identity, sso: bool, desk: &Desk<'_>) -> Result<Option<Ended>, Error> {
    // Trusting whom the login trusted, whatever a kubeconfig says by now.
    let kept = desk.sessions.session(identity, &[]).read()?;
    let authorities = kept.map(|record| record.authorities).unwrap_or_default();
    let session = desk.sessions.session(identity, &authorities);
    let ended = session.log_out(sso).await?;
    Ok(ended.map(|ended| Ended::new(ended, sso)))
}
