//! Running a program to its end, with an error that says what was run and what it answered.

use std::io::Write as _;
use std::process::{Command, ExitStatus, Output, Stdio};

/// How many lines of a failed program's answer are shown.
const ANSWER_LINES: usize = 12;

/// A program that could not be started, or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started at all.
    #[error("cannot start `{command}`")]
    Start {
        /// The program and its arguments.
        command: String,
        /// Why it could not be started.
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("`{command}` failed ({status}){}", quoted(answer))]
    Failed {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it wrote.
        answer: String,
    },
}

/// The program as a command that ends with this process, however that ends.
pub(crate) fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs the program, captures what it writes and asks for success.
///
/// # Errors
/// When it cannot be started or ends with a failure.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    run_as_is(command.stdin(Stdio::null()))
}

/// As [`run`], with the stdin that the command was given.
///
/// # Errors
/// When it cannot be started or ends with a failure.
pub(crate) fn run_as_is(command: &mut Command) -> Result<String, Error> {
    let output = command.output();
    judge(command, output)
}

/// As [`run`], with `input` on the program's stdin.
///
/// # Errors
/// When it cannot be started, does not take the input, or ends with a failure.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Result<String, Error> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let output = command.spawn().and_then(|mut child| {
        // A program that ends early closes the pipe; its own answer says why.
        let fed = child
            .stdin
            .take()
            .map_or(Ok(()), |mut stdin| stdin.write_all(input));
        let output = child.wait_with_output()?;
        if output.status.success() {
            fed.map(|()| output)
        } else {
            Ok(output)
        }
    });
    judge(command, output)
}

fn judge(command: &Command, output: std::io::Result<Output>) -> Result<String, Error> {
    let output = output.map_err(|source| Error::Start {
        command: line(command),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = if output.stderr.trim_ascii().is_empty() {
        &output.stdout
    } else {
        &output.stderr
    };
    Err(Error::Failed {
        command: line(command),
        status: output.status,
        answer: last_lines(&String::from_utf8_lossy(said), ANSWER_LINES),
    })
}

/// The program and its arguments, as one would type them.
fn line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(answer: &str) -> String {
    if answer.is_empty() {
        String::new()
    } else {
        format!(": {answer}")
    }
}

/// The last `count` lines of a text.
#[must_use]
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_program_and_its_last_words() {
        let error = run(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c") && error.contains("exit status: 3"),
            "{error}"
        );
        assert!(error.ends_with("first\nlast"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("/nonexistent/program"))
            .unwrap_err()
            .to_string();
        assert_eq!(error, "cannot start `/nonexistent/program`");
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(
            run_with_input(&mut Command::new("cat"), b"abc").unwrap(),
            "abc"
        );
    }
}
