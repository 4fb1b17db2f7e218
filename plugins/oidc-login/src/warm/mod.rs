//! What kubectl asks on each call, before anything else of the program exists.

use std::{env, process::ExitCode};

use datalab_core::ready::{self, Question};

/// The variable that says what kubectl asks for.
pub(crate) const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// Answers, if an answer is ready.
pub(crate) fn answer() -> Option<ExitCode> {
    ready::answer(&question()?)
}

/// The question of this process, when it is kubectl's.
pub(crate) fn question() -> Option<Question> {
    let info = env::var_os(EXEC_INFO).filter(|info| !info.is_empty())?;
    let words = env::args_os().skip(1).chain([info.clone()]);
    let question = Question::of_process("oidc-login", words);
    // Of all clients only client-go asks again after a 401, and only its encoder ends the document
    // with a newline. Others ask several times for one client (kube does), which must not look
    // like a refusal.
    Some(match info.as_encoded_bytes().last() {
        Some(b'\n') => question.noting_askers(),
        _ => question,
    })
}
