//! What the use cases return, and how a person reads it. The serialized forms are stable.

mod granted;
mod listed;
mod revoked;

pub(crate) use granted::Granted;
pub(crate) use listed::{ListedShare, Live, Shares, State};
pub(crate) use revoked::{LoginFate, Revoked, RevokedShare};
