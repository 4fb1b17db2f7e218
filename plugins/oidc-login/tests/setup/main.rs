//! `setup`, `whoami` and `doctor` from outside: the program, against a provider that can misbehave and
//! serves as platform and API server too.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod doctor;
mod forms;
mod platform;
mod refusals;
mod stage;
mod strangers;
mod whoami;
mod writing;
