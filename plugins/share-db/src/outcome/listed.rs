use datalab_core::report::{Outcome, table};
use serde::Serialize;

use crate::postgres::Access;

/// The shares of a namespace.
#[derive(Debug, Serialize)]
pub(crate) struct Shares {
    pub(crate) items: Vec<ListedShare>,
    /// Databases that were to be asked and could not be.
    pub(crate) unasked: Vec<Unasked>,
}

/// A database that `--live` did not get to ask, so that nothing is known of its logins.
#[derive(Debug, Serialize)]
pub(crate) struct Unasked {
    pub(crate) database: String,
    /// Why not, in a line.
    pub(crate) reason: String,
}

/// One share, and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListedShare {
    pub(crate) database: String,
    pub(crate) grantee: String,
    pub(crate) sql_database: Option<String>,
    pub(crate) schemas: Vec<String>,
    pub(crate) access: Option<Access>,
    /// A moment, or `never`.
    pub(crate) expires: Option<String>,
    pub(crate) role: String,
    pub(crate) secret: String,
    pub(crate) state: State,
    /// Why the state is not ok, a line each.
    pub(crate) reasons: Vec<String>,
    /// What the database says, when it was asked.
    pub(crate) live: Option<Live>,
}

/// What a database says of a share.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Live {
    pub(crate) login: bool,
    pub(crate) sessions: i64,
}

/// The worst that is known of a share, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Ok,
    /// It works, but so does everybody's network path.
    OpenToAll,
    /// New logins are over.
    Expired,
    /// Something of it, or its login, is gone or not as its terms say: the same grant mends it.
    Drifted,
    /// Its Secret or its database is gone.
    Orphan,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::OpenToAll => "open-to-all",
            Self::Expired => "expired",
            Self::Drifted => "drifted",
            Self::Orphan => "orphan",
        }
    }
}

impl Shares {
    /// Whether no share needs attention, as far as was asked for.
    pub(crate) fn are_all_ok(&self) -> bool {
        self.unasked.is_empty() && self.items.iter().all(|share| share.state == State::Ok)
    }
}

impl Outcome for Shares {
    const KIND: &'static str = "ShareList";

    fn text(&self, wide: bool) -> String {
        let access = |share: &ListedShare| {
            share
                .access
                .map(|access| access.to_string())
                .unwrap_or_default()
        };
        let expires = |share: &ListedShare| share.expires.clone().unwrap_or_default();
        let sessions = |share: &ListedShare| {
            share
                .live
                .map(|live| live.sessions.to_string())
                .unwrap_or_default()
        };
        if self.items.is_empty() {
            return "no shares".to_owned();
        }
        if wide {
            return table(
                [
                    "DATABASE", "GRANTEE", "ACCESS", "ROUTE", "EXPIRES", "STATE", "SCHEMAS",
                    "SESSIONS", "LOGIN", "WHY",
                ],
                self.items.iter().map(|share| {
                    [
                        share.database.clone(),
                        share.grantee.clone(),
                        access(share),
                        "network".to_owned(),
                        expires(share),
                        share.state.word().to_owned(),
                        share.schemas.join(","),
                        sessions(share),
                        share.role.clone(),
                        share.reasons.join("; "),
                    ]
                }),
            );
        }
        table(
            ["DATABASE", "GRANTEE", "ACCESS", "ROUTE", "EXPIRES", "STATE"],
            self.items.iter().map(|share| {
                [
                    share.database.clone(),
                    share.grantee.clone(),
                    access(share),
                    "network".to_owned(),
                    expires(share),
                    share.state.word().to_owned(),
                ]
            }),
        )
    }

    fn names(&self) -> Vec<String> {
        self.items
            .iter()
            .filter(|share| !share.secret.is_empty())
            .map(|share| format!("secret/{}", share.secret))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_is_not_ok() {
        let mut shares = Shares {
            items: Vec::new(),
            unasked: Vec::new(),
        };
        assert!(shares.are_all_ok());
        shares.unasked.push(Unasked {
            database: "db".into(),
            reason: "it is suspended".into(),
        });
        assert!(!shares.are_all_ok());
    }
}
