//! What SDKs ask on each of their own starts, before anything else of the program exists.

use std::{env, ffi::OsString, process::ExitCode};

use datalab_core::ready::{self, Question};

use crate::source::variable;

/// The verbs whose answer can be ready.
const VERBS: [&str; 2] = ["credential-process", "get"];

/// Answers, if an answer is ready.
pub(crate) fn answer() -> Option<ExitCode> {
    ready::answer(&question()?)
}

/// The question of this process, when it is one whose answer can be ready.
pub(crate) fn question() -> Option<Question> {
    let mut words = env::args_os().skip(1);
    let verb = words.next()?;
    if !VERBS.iter().any(|&known| verb == known) {
        return None;
    }
    let variables = variable::ALL.map(|name| env::var_os(name).unwrap_or_default());
    let words = variables.into_iter().chain([verb]).chain(words);
    Some(Question::of_process(
        "s3-creds",
        words.collect::<Vec<OsString>>().into_iter(),
    ))
}
