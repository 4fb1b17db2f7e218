//! A mount namespace for a test: a disk that is full, a home that cannot be written.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use nix::unistd::Uid;

use crate::skip;

/// A mount namespace of its own, which ends with it.
#[derive(Debug)]
pub struct PrivateMounts {
    child: Child,
}

impl PrivateMounts {
    /// With what this shell script mounts; `None`, and the test says that it was skipped, where that
    /// is not allowed.
    ///
    /// # Panics
    /// When the script fails.
    #[must_use]
    #[track_caller]
    pub fn new(test: &str, script: &str) -> Option<Self> {
        if !Uid::effective().is_root() {
            skip(test, "root");
            return None;
        }
        let script = format!("set -e; {script}\necho ready; exec cat");
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--kill-child"])
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("because unshare is on every Linux");
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            // Without a line it has failed, and said so.
            let _ = BufReader::new(stdout).read_line(&mut line);
        }
        assert_eq!(line, "ready\n", "{script}");
        Some(Self { child })
    }

    /// What stands before a command that is to run in there.
    #[must_use]
    pub fn enter(&self) -> Vec<String> {
        let pid = self.child.id().to_string();
        ["nsenter", "--mount", "--wd=/", "--target", &pid, "--"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Runs a shell script in there.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn run(&self, script: &str) {
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        let status = command
            .args(&enter[1..])
            .args(["sh", "-c", script])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{script}");
    }
}

impl Drop for PrivateMounts {
    fn drop(&mut self) {
        // Its stdin ends, and cat with it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
