//! The answer that is ready: one file is opened, looked at, and written out.
//!
//! Only the standard library, and one system call that it lacks, before anything else of the
//! program exists: kubectl waits for this on each call. Whatever is not as expected is left to
//! the rest of the program, which can say so.

pub(crate) mod reply;
#[cfg(unix)]
mod unix;

use std::process::ExitCode;

/// Answers, if an answer is ready.
pub(crate) fn answer() -> Option<ExitCode> {
    #[cfg(unix)]
    {
        unix::answer()
    }
    // Elsewhere nothing is known of who else may write a file: the rest of the program answers.
    #[cfg(not(unix))]
    {
        None
    }
}
