//! The provider against a client that knows the protocol by heart, and breaks it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod faults;
mod flows;
mod punished;
mod visitor;
