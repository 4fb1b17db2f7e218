//! The end of a session, here and at the provider.

use datalab_core::{
    oidc::{Error, Identity, LoggedOut, Record},
    report::{Failure, Kind, Outcome, in_seconds, whole_seconds},
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{choice::Choice, desk::Desk};

/// What ends.
#[derive(Clone, Debug)]
pub(crate) enum Extent {
    /// One session of ours, with those that services with a client of their own have from the same
    /// login.
    One(Choice),
    /// The user's whole login at the provider, with all sessions of ours that are of it.
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
    client_id: String,
    /// Whether the provider has ended its part.
    revoked: bool,
    /// Why not, in a line.
    reason: Option<String>,
    /// Whether the whole login at the provider was ended.
    sso: bool,
    /// Until when a token that somebody has holds all the same.
    #[serde(serialize_with = "in_seconds")]
    token_expires: Timestamp,
    /// When the provider's part ends by itself, if it does.
    #[serde(serialize_with = "in_seconds")]
    session_ends: Option<Timestamp>,
}

impl Ended {
    fn new(logged_out: LoggedOut, sso: bool) -> Self {
        let LoggedOut { record, provider } = logged_out;
        Self {
            account: record.username,
            issuer: record.identity.issuer,
            client_id: record.identity.client_id,
            revoked: provider.is_ok(),
            reason: provider.err().map(|error| error.to_string()),
            sso,
            token_expires: record.expires,
            session_ends: record.ends,
        }
    }

    /// `names_client`: there are others, so that it has to be said which one it is.
    fn text(&self, names_client: bool) -> String {
        let mut text = format!("logged out {} at {}", self.account, self.issuer);
        if names_client {
            text.push_str(&format!(", client {}", self.client_id));
        }
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
        let several = self.items.len() > 1;
        let ended = self.items.iter().map(|ended| ended.text(several));
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
    let (records, unreadable) = desk.sessions.all()?;
    let mut unended = Vec::new();
    let (chosen, others, sso) = match extent {
        Extent::One(choice) => (
            Some(&choice.identity),
            of_services(choice, &records, desk),
            false,
        ),
        Extent::Everywhere(choice) => (Some(&choice.identity), of_login(choice, &records), true),
        Extent::All => {
            unended.extend(unreadable.iter().map(ToString::to_string));
            (None, records.iter().collect(), false)
        }
    };
    // The one that was chosen comes last: after an interruption, the same command finds them all.
    let mut items = Vec::new();
    for record in others {
        let identity = &record.identity;
        match end(identity, false, desk).await {
            Ok(ended) => items.extend(ended),
            Err(error) => unended.push(format!("{identity}: {error}")),
        }
    }
    if let Some(identity) = chosen {
        match end(identity, sso, desk).await {
            Ok(ended) => drop(items.splice(0..0, ended)),
            Err(error) if items.is_empty() => return Err(error.into()),
            Err(error) => unended.push(format!("{identity}: {error}")),
        }
    }
    Ok(LogoutList { items, unended })
}

/// The sessions that services with a client of their own have from the same login. Without them, a
/// user who has logged out would be logged in to the object storage.
fn of_services<'r>(choice: &Choice, records: &'r [Record], desk: &Desk<'_>) -> Vec<&'r Record> {
    let Identity {
        issuer, client_id, ..
    } = &choice.identity;
    let known = desk.known.find(issuer, client_id);
    let services = known.into_iter().flat_map(|known| &known.audiences);
    let clients: Vec<_> = services
        .filter_map(|service| service.client_id.as_ref())
        .collect();
    let is_of_service = |record: &&Record| clients.contains(&&record.identity.client_id);
    of_login(choice, records)
        .into_iter()
        .filter(is_of_service)
        .collect()
}

/// All other sessions of the same person at the same issuer.
fn of_login<'r>(choice: &Choice, records: &'r [Record]) -> Vec<&'r Record> {
    let chosen = records
        .iter()
        .find(|record| record.identity == choice.identity);
    let is_same_person = |record: &Record| match chosen {
        Some(chosen) => record.subject == chosen.subject,
        None => record.identity.account == choice.identity.account,
    };
    let others = records.iter().filter(|record| {
        record.identity != choice.identity
            && record.identity.issuer == choice.identity.issuer
            && is_same_person(record)
    });
    others.collect()
}

async fn end(identity: &Identity, sso: bool, desk: &Desk<'_>) -> Result<Option<Ended>, Error> {
    // Trusting whom the login trusted, whatever a kubeconfig says by now.
    let kept = desk.sessions.session(identity, &[]).read()?;
    let authorities = kept.map(|record| record.authorities).unwrap_or_default();
    let session = desk.sessions.session(identity, &authorities);
    let ended = session.log_out(sso).await?;
    Ok(ended.map(|ended| Ended::new(ended, sso)))
}
