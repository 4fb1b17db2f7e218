//! `kubectl datalab s3-creds`: from one login to S3, in the form the next tool wants.
//!
//! `README.md` beside this crate has the tour, the reference of flags and the failure table.

#![cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the verbs that use what is here are not there yet"
    )
)]

mod forms;
mod issued;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::SUCCESS
}
