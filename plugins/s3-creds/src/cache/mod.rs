//! Keys that were given already, for all processes of a user: one asks the token service, the others
//! wait for what it gets.

mod entry;
mod failed;
mod secrets;
mod shelf;

pub(crate) use self::{
    entry::{Entry, Key},
    secrets::Secrets,
    shelf::{Shelf, Slot, Turn},
};

/// Where keys are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CacheKind {
    /// In files that only the user can read, in clear, as the aws CLI and SDKs keep theirs.
    #[default]
    File,
    /// In files, sealed with a key in the system's keyring: slower by a call to it.
    Keyring,
    /// Nowhere.
    None,
}
