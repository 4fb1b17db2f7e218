//! The sessions of this user.

use datalab_core::{
    oidc::Record,
    report::{Failure, Outcome, in_seconds, printable, whole_seconds, wide_table},
    store::KeyPlace,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::desk::Desk;

/// All sessions.
#[derive(Debug, Serialize)]
pub(crate) struct SessionList {
    items: Vec<Listed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    account: String,
    issuer: String,
    client_id: String,
    /// When somebody logged in.
    #[serde(serialize_with = "in_seconds")]
    logged_in: Timestamp,
    /// Until when the token at hand holds.
    #[serde(serialize_with = "in_seconds")]
    token_expires: Timestamp,
    /// When the session ends unless it is used, as far as the issuer tells.
    #[serde(serialize_with = "in_seconds")]
    session_ends: Option<Timestamp>,
    state: State,
    scopes: Vec<String>,
    /// Where the key of what is kept lies.
    key: KeyPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// A token can be had, as far as is known here.
    Active,
    /// By the issuer's own word it is over.
    Ended,
}

impl Listed {
    fn new(record: Record, now: Timestamp) -> Self {
        let key = record.key_place();
        let ended = record.ends.is_some_and(|ends| ends <= now);
        Self {
            account: record.username,
            issuer: record.identity.issuer,
            client_id: record.identity.client_id,
            logged_in: record.logged_in,
            token_expires: record.expires,
            session_ends: record.ends,
            state: if ended { State::Ended } else { State::Active },
            scopes: record.scopes,
            key,
        }
    }

    fn ends(&self) -> String {
        match (self.session_ends, self.state) {
            (Some(ends), _) => whole_seconds(ends),
            (None, _) => "not told".to_owned(),
        }
    }

    fn state(&self) -> String {
        match self.state {
            State::Active => "active",
            State::Ended => "ended",
        }
        .to_owned()
    }
}

impl Outcome for SessionList {
    const KIND: &'static str = "SessionList";

    fn text(&self, wide: bool) -> String {
        if self.items.is_empty() {
            return "no sessions".to_owned();
        }
        wide_table(
            wide,
            ["ACCOUNT", "ISSUER", "CLIENT", "STATE", "SESSION ENDS"],
            ["TOKEN EXPIRES", "LOGGED IN", "KEY", "SCOPES"],
            self.items.iter().map(|session| {
                (
                    [
                        session.account.clone(),
                        session.issuer.clone(),
                        session.client_id.clone(),
                        session.state(),
                        session.ends(),
                    ],
                    [
                        whole_seconds(session.token_expires),
                        whole_seconds(session.logged_in),
                        session.key.to_string(),
                        session.scopes.join(" "),
                    ],
                )
            }),
        )
    }

    fn names(&self) -> Vec<String> {
        self.items
            .iter()
            .map(|session| format!("session/{}", session.account))
            .collect()
    }
}

/// Lists what is kept; nobody is asked.
pub(crate) fn list(desk: &Desk<'_>) -> Result<SessionList, Failure> {
    let now = desk.world.now();
    let (records, unreadable) = desk.sessions.all()?;
    for error in unreadable {
        let note = format!("left out: {error}");
        desk.world.streams().talk(&printable(&note));
    }
    Ok(SessionList {
        items: records
            .into_iter()
            .map(|record| Listed::new(record, now))
            .collect(),
    })
}
