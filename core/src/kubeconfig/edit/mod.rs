//! Writing entries the way kubectl does: under its locks, an entry that is there in the file it
//! comes from, a new one in the first file of the list that exists.
//!
//! Unlike kubectl, a file is replaced in one step, keys that nobody knows survive, and so does the
//! order of entries. Comments are lost, as with kubectl.

mod change;
mod document;
mod error;
mod plan;
mod program;

pub use change::{Change, CurrentContext, Edit, EntryKind, ExecEntry, loses_its_path};
pub use error::EditError;
pub use plan::{Effect, Plan, Step};
