//! A state directory of its own and the program under test, run as a user would.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::skip;
use tempfile::TempDir;

use crate::traces::{self, Host, LabTraces};

/// Each test takes most of the machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Where one test runs its labs.
pub(crate) struct Stand {
    xtask: PathBuf,
    state: TempDir,
    before: Host,
    _turn: MutexGuard<'static, ()>,
}

impl Stand {
    /// The stand, or nothing after saying why `test` is skipped.
    pub(crate) fn required(test: &str) -> Option<Self> {
        let Some(xtask) = std::env::var_os("DATALAB_XTASK").map(PathBuf::from) else {
            skip(test, "DATALAB_XTASK, set by cargo xtask test");
            return None;
        };
        if !nix::unistd::geteuid().is_root() {
            skip(test, "root");
            return None;
        }
        let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self {
            xtask,
            state: tempfile::tempdir().unwrap(),
            before: Host::look(),
            _turn: turn,
        })
    }

    /// Runs `xtask lab ARGUMENTS`, asks for success and returns both streams.
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> String {
        let (success, said) = run(&mut self.command(arguments));
        assert!(success, "xtask lab {arguments:?} failed:\n{said}");
        said
    }

    /// Runs `xtask lab ARGUMENTS`, however it ends, and returns both streams.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        run(&mut self.command(arguments)).1
    }

    /// As [`Self::succeeds`], but asks for a failure.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let (success, said) = run(&mut self.command(arguments));
        assert!(!success, "xtask lab {arguments:?} succeeded:\n{said}");
        said
    }

    /// As [`Self::succeeds`], with one more variable in the environment.
    pub(crate) fn succeeds_with(&self, name: &str, value: &Path, arguments: &[&str]) {
        let (success, said) = run(self.command(arguments).env(name, value));
        assert!(success, "xtask lab {arguments:?} failed:\n{said}");
    }

    /// As [`Self::fails`], with one more variable in the environment.
    pub(crate) fn fails_with(&self, name: &str, value: &Path, arguments: &[&str]) -> String {
        let (success, said) = run(self.command(arguments).env(name, value));
        assert!(!success, "xtask lab {arguments:?} succeeded:\n{said}");
        said
    }

    /// Starts `xtask lab ARGUMENTS`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stderr }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.xtask);
        command
            .arg("lab")
            .args(arguments)
            .env("DATALAB_STATE", self.state.path());
        command
    }

    /// An executable shell script.
    pub(crate) fn program(&self, script: &str) -> PathBuf {
        let path = self.state.path().join("program");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What is known of the lab of this name while it has a state file.
    pub(crate) fn lab(&self, name: &str) -> LabTraces {
        LabTraces::of(&self.state.path().join("labs").join(name))
    }

    /// Asks that the machine is as it was, and that no lab is left.
    pub(crate) fn assert_clean(&self) {
        let labs = self.state.path().join("labs");
        assert_eq!(
            traces::entries(&labs),
            Vec::<String>::new(),
            "left in {}",
            labs.display()
        );
        assert_eq!(Host::look(), self.before, "the machine is not as it was");
    }
}

impl Drop for Stand {
    /// A test that failed leaves no lab running either.
    fn drop(&mut self) {
        for name in traces::entries(&self.state.path().join("labs")) {
            if !name.ends_with(".lock") {
                run(&mut self.command(&["down", "--name", &name]));
            }
        }
    }
}

/// A program that runs while the test goes on.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    /// Waits until the program says that this step is done.
    pub(crate) fn wait_for_step(&mut self, step: &str) {
        let mut said = String::new();
        while !said.trim_end().ends_with(&format!("s  {step}")) {
            let read = self.stderr.read_line(&mut said).unwrap();
            assert!(read > 0, "ended before step {step}:\n{said}");
        }
    }

    /// Ends the program as nothing can prevent.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait_for_success(&mut self) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{said}");
    }
}

fn run(command: &mut Command) -> (bool, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// Waits until `condition` holds.
pub(crate) fn eventually(limit: Duration, what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
