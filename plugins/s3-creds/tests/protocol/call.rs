//! One call of the tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;
use std::sync::LazyLock;

use datalab_lab::desk::{self, Ongoing};
use nix::sys::signal::Signal;

use crate::desk::Desk;

pub(crate) use datalab_lab::desk::Output;

/// The program under test.
pub(crate) static TOOL: LazyLock<String> =
    LazyLock::new(|| desk::program(env!("CARGO_BIN_EXE_kubectl-datalab-s3_creds")));

pub(crate) struct Call<'a> {
    desk: &'a Desk,
    words: Vec<String>,
    environment: BTreeMap<&'static str, OsString>,
    /// What stands before the tool: `strace -o log`, say.
    before: Vec<String>,
    input: String,
    program: String,
}

/// A call that goes on.
pub(crate) struct Running<'a> {
    desk: &'a Desk,
    ongoing: Ongoing,
}

impl<'a> Call<'a> {
    pub(crate) fn new<W: Into<String>>(desk: &'a Desk, words: impl IntoIterator<Item = W>) -> Self {
        Self {
            desk,
            words: words.into_iter().map(Into::into).collect(),
            environment: desk.environment(),
            before: Vec::new(),
            input: String::new(),
            program: TOOL.clone(),
        }
    }

    /// Another program, which calls the tool by itself.
    pub(crate) fn instead(mut self, program: &str) -> Self {
        program.clone_into(&mut self.program);
        self
    }

    pub(crate) fn words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name, value.into());
        self
    }

    pub(crate) fn after<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.before.extend(words.into_iter().map(Into::into));
        self
    }

    /// What it reads on standard input.
    pub(crate) fn reading(mut self, input: &str) -> Self {
        input.clone_into(&mut self.input);
        self
    }

    #[track_caller]
    pub(crate) fn run(self) -> Output {
        self.start().wait()
    }

    /// Begins it, and leaves it running.
    #[track_caller]
    pub(crate) fn start(self) -> Running<'a> {
        let mut words = self.before.clone();
        words.push(self.program.clone());
        words.extend(self.words.iter().cloned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.desk.path("home"));
        Running {
            desk: self.desk,
            ongoing: Ongoing::start(&mut command, self.line(), &self.input),
        }
    }

    /// As a reader would type it, without what is the same in all of them.
    fn line(&self) -> String {
        let mut line = "$ kubectl-datalab-s3_creds".to_owned();
        for word in &self.words {
            line.push(' ');
            line.push_str(word);
        }
        line
    }
}

impl Running<'_> {
    pub(crate) fn pid(&self) -> u32 {
        self.ongoing.pid()
    }

    /// What it writes, for who reads on while it runs.
    pub(crate) fn stdout(&mut self) -> &mut impl std::io::Read {
        self.ongoing.stdout()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.ongoing.signal(signal);
    }

    #[track_caller]
    pub(crate) fn wait(self) -> Output {
        let output = self.ongoing.wait();
        let secrets = [self.desk.provider.secrets(), self.desk.storage.secrets()];
        output.assert_discreet(&secrets.concat());
        output
    }
}
