//! An answer that is ready: one file is opened, looked at, and written out.
//!
//! Some tools are called on each call of another program, which waits for them. This room is what
//! they ask in the first line of `main`, before anything else of the program exists: only the
//! standard library, and one system call that it lacks. Whatever is not as expected is left to the
//! rest of the program, which can say so.
//!
//! - [`Question`]: what is asked, to the byte.
//! - [`answer`] writes out the answer to it, if there is one.
//! - [`compose`] makes the file of an answer; [`Header`] takes one apart.

mod reply;
#[cfg(unix)]
mod unix;

use std::process::ExitCode;

pub use reply::{Header, Question, compose, folders};

/// Answers, if an answer is ready.
pub fn answer(question: &Question) -> Option<ExitCode> {
    #[cfg(unix)]
    {
        unix::answer(question)
    }
    // Elsewhere nothing is known of who else may write a file: the rest of the program answers.
    #[cfg(not(unix))]
    {
        let _ = question;
        None
    }
}
