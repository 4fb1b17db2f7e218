//! What a tool says: errors, exit codes, and results in the form that was asked for.
//!
//! - [`Failure`]: kind + problem + causes + what was done + the next command; [`Kind`] decides the
//!   exit code.
//! - [`Outcome`]: what a use case returns; [`render`] turns it into a table, JSON, YAML, names or
//!   the answer of a JSONPath.
//! - [`Findings`]: what a diagnosis looked at, one [`Finding`] after the other.
//! - [`whole_seconds`], [`in_seconds`]: a moment as people, and documents, have it.
//! - [`printable`], [`printable_lines`]: foreign text made harmless for a terminal;
//!   [`quoted`], [`quoted_if_needed`]: and for a shell.

mod failure;
mod finding;
mod format;
mod moment;
mod outcome;
mod printable;
mod shell_word;

pub use failure::{Failure, Kind};
pub use finding::{Finding, Findings, Verdict};
pub use format::{Format, FormatError};
pub use moment::{in_seconds, whole_seconds};
pub use outcome::{Outcome, RenderError, render, table, wide_table};
pub use printable::{printable, printable_lines};
pub use shell_word::{quoted, quoted_if_needed};
