//! Whoever logs in: which way is open to them, and what they are told.
//!
//! - [`Terminal`]: the [`Person`](crate::oidc::Person) at the other end of standard error, or nobody.
//! - [`Flow`]: the way that a user asks for.

mod flow;
mod terminal;

pub use flow::{Flow, NoFlow};
pub use terminal::Terminal;
