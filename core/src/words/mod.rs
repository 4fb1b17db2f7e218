//! The domain's words: values that were checked once, at the edge, and are right from then on.
//!
//! Parsing and printing only; no I/O, no clock. Each type refuses bad input with an error that
//! says what was found and what is allowed.

mod lifetime;
mod name;
mod secret;
mod subject;

pub use lifetime::{Lifetime, LifetimeError};
pub use name::{NameError, Namespace, ObjectName};
pub use secret::Secret;
pub use subject::{Subject, SubjectError};
