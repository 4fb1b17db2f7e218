//! The store against clients that are not ours: curl speaks STS and signs for S3.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod client;

mod consumers;
mod exchange;
mod faults;
mod platform;
mod refusals;
mod rights;
mod signed;
