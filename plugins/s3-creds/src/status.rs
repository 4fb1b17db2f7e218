//! The keys that are kept, without asking anybody.

use datalab_core::{
    report::{Failure, Outcome, in_seconds, whole_seconds, wide_table},
    store::KeyPlace,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    cache::{Entry, Shelf},
    desk::Desk,
    issue::MARGIN,
    span::in_words,
};

/// All keys that are kept.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    items: Vec<Kept>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    user: String,
    issuer: String,
    endpoint: String,
    sts_endpoint: String,
    profile: Option<String>,
    role_arn: Option<String>,
    session_name: String,
    /// Whether they are narrower than the role.
    has_policy: bool,
    #[serde(serialize_with = "in_seconds")]
    obtained: Timestamp,
    #[serde(serialize_with = "in_seconds")]
    expires: Timestamp,
    /// Until when they are handed out before new ones are asked for.
    #[serde(serialize_with = "in_seconds")]
    fresh_until: Timestamp,
    state: State,
    /// `null` for keys that are kept in clear.
    sealed_by: Option<KeyPlace>,
    #[serde(skip)]
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Fresh,
    /// They hold, and the next call asks for new ones.
    Ending,
    Expired,
    /// Whoever they were given to has logged out, or somebody else has logged in.
    LoggedOut,
}

/// Lists them.
pub(crate) fn status(desk: &Desk<'_>) -> Result<Status, Failure> {
    let Some(folder) = desk.kept_folder()? else {
        return Ok(Status { items: Vec::new() });
    };
    let shelf = Shelf::new(folder, desk.world);
    let (sessions, _) = desk.sessions()?.all()?;
    let now = desk.world.now();
    let mut items: Vec<Kept> = shelf
        .all()?
        .into_iter()
        .map(|entry| {
            let is_logged_in = entry.bound.logged_in.is_none_or(|logged_in| {
                sessions.iter().any(|record| {
                    record.logged_in == logged_in && record.subject == entry.bound.subject
                })
            });
            Kept::new(entry, is_logged_in, now)
        })
        .collect();
    items.sort_by(|one, other| {
        (&one.endpoint, &one.role_arn).cmp(&(&other.endpoint, &other.role_arn))
    });
    Ok(Status { items })
}

impl Kept {
    fn new(entry: Entry, is_logged_in: bool, now: Timestamp) -> Self {
        let fresh_until = entry.fresh_until(MARGIN);
        let left = entry.expires.duration_since(now).as_secs();
        Self {
            state: match () {
                () if entry.expires <= now => State::Expired,
                () if !is_logged_in => State::LoggedOut,
                () if fresh_until <= now => State::Ending,
                () => State::Fresh,
            },
            left: u64::try_from(left).unwrap_or(0),
            sealed_by: entry.key_place(),
            user: entry.bound.username,
            issuer: entry.bound.issuer,
            endpoint: entry.store_url,
            sts_endpoint: entry.key.sts_url,
            profile: entry.profile,
            role_arn: entry.key.role_arn,
            session_name: entry.key.session_name,
            has_policy: entry.key.policy.is_some(),
            obtained: entry.obtained,
            expires: entry.expires,
            fresh_until,
        }
    }

    fn state(&self) -> String {
        match self.state {
            State::Fresh => "fresh",
            State::Ending => "ending",
            State::Expired => "expired",
            State::LoggedOut => "logged out",
        }
        .to_owned()
    }

    /// What the table shows.
    fn cells(&self) -> [String; 6] {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            self.user.clone(),
            self.endpoint.clone(),
            or_none(&self.profile),
            or_none(&self.role_arn),
            self.state(),
            match self.left {
                0 => "-".to_owned(),
                left => in_words(left),
            },
        ]
    }

    /// What the wide one shows beside it.
    fn more_cells(&self) -> [String; 7] {
        [
            whole_seconds(self.expires),
            whole_seconds(self.obtained),
            self.sts_endpoint.clone(),
            self.session_name.clone(),
            if self.has_policy { "yes" } else { "no" }.to_owned(),
            self.kept(),
            self.issuer.clone(),
        ]
    }

    fn kept(&self) -> String {
        match self.sealed_by {
            None => "in clear".to_owned(),
            Some(place) => format!("sealed by {place}"),
        }
    }
}

impl Outcome for Status {
    const KIND: &'static str = "S3CredentialsList";

    fn text(&self, wide: bool) -> String {
        if self.items.is_empty() {
            return "no keys are kept".to_owned();
        }
        wide_table(
            wide,
            ["USER", "STORE", "PROFILE", "ROLE", "STATE", "LEFT"],
            [
                "EXPIRES", "OBTAINED", "STS", "SESSION", "NARROWED", "KEPT", "ISSUER",
            ],
            self.items
                .iter()
                .map(|kept| (kept.cells(), kept.more_cells())),
        )
    }

    fn names(&self) -> Vec<String> {
        let items = self.items.iter();
        items
            .map(|kept| {
                let role = kept.role_arn.as_deref().unwrap_or(&kept.session_name);
                format!("s3credentials/{role}")
            })
            .collect()
    }
}
