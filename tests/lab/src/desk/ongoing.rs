use std::io::{Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::{Output, PATIENCE};

/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(2);

/// A program that was started. Dropped before it ended, it is killed, with what it has started: a test
/// that fails leaves nothing running.
#[derive(Debug)]
pub struct Ongoing {
    line: String,
    child: Child,
    begun: Instant,
}

impl Ongoing {
    /// Starts a program, in a process group of its own, with this on its standard input; `line` is what a
    /// reader would type.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn start(command: &mut Command, line: String, input: &str) -> Self {
        let begun = Instant::now();
        let child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("because the program is there");
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without having read.
            let _ = stdin.write_all(input.as_bytes());
        }
        Self { line, child, begun }
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it alone.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let sent = kill(self.group(), signal);
        sent.expect("because it runs");
    }

    /// Whether it has ended.
    ///
    /// # Panics
    /// When that cannot be known.
    pub fn is_over(&mut self) -> bool {
        self.ended().is_some()
    }

    /// What it writes, for who reads on while it runs.
    ///
    /// # Panics
    /// When somebody else reads it.
    #[track_caller]
    pub fn stdout(&mut self) -> &mut ChildStdout {
        let stdout = self.child.stdout.as_mut();
        stdout.expect("because nobody has taken it")
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end, with what it has said.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let stdout = collected(self.child.stdout.take());
        let stderr = collected(self.child.stderr.take());
        let mut in_time = true;
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            if in_time && self.begun.elapsed() > PATIENCE {
                in_time = false;
                let _ = killpg(self.group(), Signal::SIGKILL);
            }
            thread::sleep(LOOK);
        };
        let took = self.begun.elapsed();
        let text = |collected: JoinHandle<String>| collected.join().unwrap_or_default();
        let signal = || 128 + status.signal().unwrap_or_default();
        let output = Output {
            command: std::mem::take(&mut self.line),
            stdout: text(stdout),
            stderr: text(stderr),
            code: status.code().unwrap_or_else(signal),
            took,
        };
        assert!(in_time, "it does not end: {output}");
        output
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child.try_wait();
        ended.expect("because it is a child of this process")
    }

    /// The process group, which has the number of its first process.
    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = killpg(self.group(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// All that comes from a stream, as text.
fn collected(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let read = stream.read_to_end(&mut bytes);
            read.expect("because a pipe can be read");
        }
        String::from_utf8(bytes).expect("because the tools write UTF-8")
    })
}
