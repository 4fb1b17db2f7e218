use std::{error::Error, fmt};

use super::printable;

/// What became of a command, in one number; the same for all tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// It failed, and nothing was changed.
    Failed = 1,
    /// The command line, the environment or a configuration file is wrong.
    Usage = 2,
    /// Not found, ambiguous, or not logged in.
    NotFound = 3,
    /// Refused by the cluster's access rules, the identity provider or the server.
    Refused = 4,
    /// A server could not be reached, or did not answer in time.
    Unreachable = 5,
    /// Partly done; running the named command again goes on.
    Partial = 6,
    /// Differences were found, and `--exit-code` was given.
    Differs = 7,
    /// Locked, or in conflict with another owner.
    Conflict = 8,
    /// A person has to do something first.
    Waiting = 9,
    /// The tool failed before it started the command given after `--`.
    BeforeCommand = 125,
    /// Interrupted (SIGINT), after cleaning up.
    Interrupted = 130,
    /// Terminated (SIGTERM), after cleaning up.
    Terminated = 143,
}

impl Kind {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        self as u8
    }
}

/// An error as a person reads it: what was wrong, why, what was and was not done, and the command
/// that goes on from here.
///
/// The problem and the causes are lower-case fragments without a final period; each cause is said
/// once.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a failure that nobody reports is lost"]
pub struct Failure(Box<Parts>);

/// Boxed, because every result of every use case has room for a failure that is hardly ever there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    problem: String,
    causes: Vec<String>,
    details: Vec<String>,
    state: Option<String>,
    next: Vec<String>,
}

impl Failure {
    /// A failure of this kind, with the problem in one line.
    pub fn new(kind: Kind, problem: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            problem: problem.into(),
            causes: Vec::new(),
            details: Vec::new(),
            state: None,
            next: Vec::new(),
        }))
    }

    /// Adds an error and its sources, outermost first; a text that an earlier one already holds is
    /// left out, because wrapped errors often repeat what they wrap.
    pub fn caused_by(mut self, error: &dyn Error) -> Self {
        let parts = &mut self.0;
        let mut current = Some(error);
        while let Some(error) = current {
            let text = error.to_string();
            let said = |earlier: &String| earlier.contains(&text);
            if !text.is_empty() && !said(&parts.problem) && !parts.causes.iter().any(said) {
                parts.causes.push(text);
            }
            current = error.source();
        }
        self
    }

    /// Adds one of several things that are wrong, or a line the reader needs to judge.
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.0.details.push(line.into());
        self
    }

    /// Says what was and was not done.
    pub fn state(mut self, state: impl Into<String>) -> Self {
        self.0.state = Some(state.into());
        self
    }

    /// The same failure without what was and was not done: as one problem among several, of an
    /// outcome that says so itself.
    pub fn without_state(mut self) -> Self {
        self.0.state = None;
        self
    }

    /// Adds a command to go on with, ready to be pasted.
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.0.next.push(command.into());
        self
    }

    /// The same failure, of another kind: a failure that undid nothing became a partial one, say.
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Another failure in the same state: its cause counts, not what it led to.
    pub fn because_of(mut self, kind: Kind, problem: impl Into<String>) -> Self {
        let state = self.0.state.take();
        let mut failure = Self::new(kind, problem);
        failure.0.state = state;
        failure
    }

    /// The kind, and with it the exit code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The problem in one line.
    pub fn problem(&self) -> &str {
        &self.0.problem
    }

    /// What the reader needs to judge, a line each.
    pub fn details(&self) -> &[String] {
        &self.0.details
    }

    /// The commands to go on with.
    pub fn commands(&self) -> &[String] {
        &self.0.next
    }

    /// Whether it has been said already what was and was not done.
    pub fn has_state(&self) -> bool {
        self.0.state.is_some()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.0.problem))?;
        for cause in &self.0.causes {
            write!(f, "\n  because: {}", indented(cause))?;
        }
        for detail in &self.0.details {
            write!(f, "\n  - {}", indented(detail))?;
        }
        if let Some(state) = &self.0.state {
            write!(f, "\n{}", printable(state))?;
        }
        for command in &self.0.next {
            write!(f, "\ntry: {}", printable(command))?;
        }
        Ok(())
    }
}

fn indented(text: &str) -> String {
    printable(text.trim_end()).replace('\n', "\n    ")
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("read of {path} failed")]
    struct Outer {
        path: &'static str,
        source: Inner,
    }

    #[derive(Debug, Error)]
    #[error("permission denied")]
    struct Inner;

    #[test]
    fn says_each_thing_once() {
        let failure = Failure::new(Kind::Usage, "kubeconfig is unreadable: permission denied")
            .caused_by(&Outer {
                path: "/x",
                source: Inner,
            })
            .detail("first\nsecond")
            .state("nothing was changed")
            .next("chmod 600 /x");
        assert_eq!(
            failure.to_string(),
            "error: kubeconfig is unreadable: permission denied\n  because: read of /x failed\n  - first\n    second\nnothing was changed\ntry: chmod 600 /x"
        );
        assert_eq!(failure.kind().exit_code(), 2);
    }

    #[test]
    fn foreign_text_cannot_act_on_the_terminal() {
        let failure = Failure::new(Kind::Failed, "no release \u{1b}]0;owned\u{7}");
        assert!(!failure.to_string().contains('\u{1b}'));
    }
}
