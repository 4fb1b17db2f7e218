use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    oidc::Error,
    store::Folder,
    world::{Parent, World},
};

/// A login that waits for a person, as other processes see it: any terminal can finish it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pending {
    /// The page that finishes it.
    pub url: String,
    /// The code that belongs on the page, when it is one for another device.
    pub code: Option<String>,
    /// Until when it waits.
    pub until: Timestamp,
}

const PENDING: &str = "pending.json";

impl Pending {
    fn read(folder: &Folder) -> Option<Self> {
        let content = folder.read(PENDING).ok()??;
        serde_json::from_slice(&content).ok()
    }

    /// The login that waits now; one whose process was killed leaves its word behind.
    pub(super) fn read_now(folder: &Folder, world: &World) -> Option<Self> {
        Self::read(folder).filter(|pending| pending.until > world.now())
    }

    /// Others can do without knowing: a disk that is full now is told of when it matters.
    pub(super) fn write(&self, folder: &Folder, world: &World) {
        let _ = folder.write(
            PENDING,
            serde_json::json!(self).to_string().as_bytes(),
            world,
        );
    }

    pub(super) fn clear(folder: &Folder) {
        let _ = folder.remove(PENDING);
    }
}

/// A login that came to nothing: nobody is asked again for the same question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CoolDown {
    at: Timestamp,
    reason: String,
    /// Whether it may be otherwise by itself: an issuer that could not be reached.
    may_pass: bool,
    /// Whose question it was.
    parent: Option<Parent>,
}

/// Whether a page was opened, or a code shown, before a login failed: whatever failed then, the
/// next attempt would open another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Nobody,
    Somebody,
}

const COOL_DOWN: &str = "cool-down.json";

impl CoolDown {
    /// A login begins, and may come to nothing without another word.
    pub(super) fn begun(folder: &Folder, world: &World) {
        let reason = "it was begun, and nobody finished it".to_owned();
        Self::keep(folder, reason, false, world);
    }

    /// A login failed.
    pub(super) fn write(folder: &Folder, error: &Error, asked: Asked, world: &World) {
        let nobody = asked == Asked::Nobody;
        let may_pass = nobody && (error.may_pass() || error.nobody_was_asked());
        Self::keep(folder, error.to_string(), may_pass, world);
    }

    fn keep(folder: &Folder, reason: String, may_pass: bool, world: &World) {
        let record = Self {
            at: world.now(),
            reason,
            may_pass,
            parent: world.parent(),
        };
        // As with a pending login: the failure itself is what is told.
        let text = serde_json::json!(record).to_string();
        let _ = folder.write(COOL_DOWN, text.as_bytes(), world);
    }

    pub(super) fn clear(folder: &Folder) {
        let _ = folder.remove(COOL_DOWN);
    }

    /// Why no login is to be begun: one failed since this process began to wait, or for the same
    /// parent, or, with nobody at a terminal who would ask anew, at any time.
    pub(super) fn forbids(
        folder: &Folder,
        since: Timestamp,
        person_is_there: bool,
        world: &World,
    ) -> Option<String> {
        let content = folder.read(COOL_DOWN).ok()??;
        let record: Self = serde_json::from_slice(&content).ok()?;
        let parent = world.parent();
        let same_parent = parent.is_some() && parent == record.parent;
        let holds = record.at >= since || same_parent || !(person_is_there || record.may_pass);
        holds.then_some(record.reason)
    }
}
