use datalab_core::cluster::Object;
use serde::Serialize;

use crate::share;

/// What is, or would be, done to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Action {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) action: Verb,
}

/// A write, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    Created,
    Changed,
    Deleted,
    Unchanged,
}

impl Verb {
    /// The write in one word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Action {
    /// What it takes to get from one to the other; an empty name when neither is there.
    pub(crate) fn of<K: Object>(
        kind: &'static str,
        existing: &Option<K>,
        wanted: Option<&K>,
    ) -> Self {
        let name = |object: &K| object.meta().name.clone().unwrap_or_default();
        let (name, action) = match (existing, wanted) {
            (None, None) => (String::new(), Verb::Unchanged),
            (None, Some(wanted)) => (name(wanted), Verb::Created),
            (Some(existing), None) => (name(existing), Verb::Deleted),
            (Some(existing), Some(wanted)) if share::covers(existing, wanted) => {
                (name(wanted), Verb::Unchanged)
            }
            (Some(_), Some(wanted)) => (name(wanted), Verb::Changed),
        };
        Self { kind, name, action }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.action == Verb::Unchanged
    }
}
