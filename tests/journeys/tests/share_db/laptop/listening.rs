use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::tenant::Program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Scene;

/// Whatever is waited for here happens within this time, on a busy machine too.
const SOON: Duration = Duration::from_secs(60);

/// A `connect --listen` that has printed its login, and the clients that use its port.
pub(super) struct Listening<'s> {
    scene: &'s Scene,
    child: Child,
    variables: Vec<(String, String)>,
}

impl<'s> Listening<'s> {
    #[track_caller]
    pub(super) fn start(scene: &'s Scene, words: &[&str]) -> Self {
        let words = [&["--listen", "--print", "env"], words].concat();
        let mut child = scene.connecting(&words).spawn();
        let out = BufReader::new(child.stdout.take().expect("because stdout is piped"));
        let mut variables = Vec::new();
        for line in out.lines().map_while(Result::ok) {
            // The last line of the exports.
            if line.starts_with("unset ") {
                return Self {
                    scene,
                    child,
                    variables,
                };
            }
            let assigned = line
                .strip_prefix("export ")
                .and_then(|it| it.split_once('='));
            let (name, value) = assigned.unwrap_or_else(|| panic!("no export: {line}"));
            variables.push((name.to_owned(), value.trim_matches('\'').to_owned()));
        }
        let output = child.wait_with_output();
        panic!("it does not listen: {output:?}");
    }

    /// A variable of the login.
    #[track_caller]
    pub(super) fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("{name} is not printed"), |(_, value)| value)
    }

    /// A program on the laptop with the login in its environment.
    pub(super) fn program(&self, line: &[&str]) -> Program {
        let program = self.scene.x.program(line);
        self.variables
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value))
    }

    /// A psql for one question.
    pub(super) fn psql(&self, sql: &str) -> Program {
        self.program(&["psql", "-XAtqc", sql])
    }

    /// A psql that stays, by the name that the server lists it under.
    #[track_caller]
    pub(super) fn client(&self, name: &str) -> Client {
        let psql = self.program(&["psql", "-XAtq", "--set=ON_ERROR_STOP=1"]);
        Client::new(psql.env("PGAPPNAME", name).spawn())
    }

    /// Sends it a signal and waits for its end: the exit code, and what it said.
    #[track_caller]
    pub(super) fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        send(signal, &self.child);
        let begun = Instant::now();
        while self
            .child
            .try_wait()
            .expect("because the child is ours")
            .is_none()
        {
            assert!(begun.elapsed() < SOON, "{signal} does not end connect");
            thread::sleep(Duration::from_millis(20));
        }
        let output = self
            .child
            .wait_with_output()
            .expect("because the child is ours");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

pub(super) fn send(signal: Signal, child: &Child) {
    let pid = i32::try_from(child.id()).expect("because process ids are small");
    kill(Pid::from_raw(pid), signal).expect("because the child is ours");
}

/// Waits until something is so.
#[track_caller]
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "not within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// An open psql of the laptop. Dropping it kills it.
pub(super) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Client {
    fn new(mut child: Child) -> Self {
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("because stdout is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            stdout
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self {
            child,
            stdin,
            lines,
        }
    }

    /// Says a statement without waiting for its answer.
    #[track_caller]
    pub(super) fn say(&mut self, sql: &str) {
        let stdin = self.stdin.as_mut().expect("because it has not left");
        let said = writeln!(stdin, "{sql};").and_then(|()| stdin.flush());
        if said.is_err() {
            panic!("the session is closed: {}", self.complaints());
        }
    }

    /// Ends the session as a person does, and waits for the end of psql.
    #[track_caller]
    pub(super) fn leave(mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().expect("because the child is ours");
        assert!(status.success(), "{status}: {}", self.complaints());
    }

    /// One row.
    #[track_caller]
    pub(super) fn row(&mut self) -> String {
        match self.lines.recv_timeout(SOON) {
            Ok(row) => row,
            Err(error) => panic!("{error}: {}", self.complaints()),
        }
    }

    /// The one row that answers a question.
    #[track_caller]
    pub(super) fn ask(&mut self, sql: &str) -> String {
        self.say(sql);
        self.row()
    }

    /// Whether psql has ended, after one more try to be answered.
    pub(super) fn has_ended(&mut self) -> bool {
        if let Some(stdin) = &mut self.stdin {
            let _ = writeln!(stdin, "SELECT 1;");
        }
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    fn complaints(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = Vec::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = stderr.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that reads a large result slowly: as long as it pauses, nothing is taken from it.
pub(super) struct SlowReader {
    child: Child,
    out: ChildStdout,
    read: u64,
}

impl SlowReader {
    #[track_caller]
    pub(super) fn start(program: Program) -> Self {
        let mut child = program.spawn();
        let out = child.stdout.take().expect("because stdout is piped");
        Self {
            child,
            out,
            read: 0,
        }
    }

    /// Reads a little: at most as much as a pipe holds.
    #[track_caller]
    pub(super) fn read_some(&mut self) {
        let size = self.out.read(&mut [0; 64 * 1024]);
        let size = size.expect("because a pipe can be read");
        assert!(size > 0, "the slow reader's session has ended");
        self.read += size as u64;
    }

    /// Reads the rest: how many bytes there were.
    #[track_caller]
    pub(super) fn finish(mut self) -> u64 {
        let rest = std::io::copy(&mut self.out, &mut std::io::sink());
        let status = self.child.wait().expect("because the child is ours");
        assert!(status.success(), "{status}");
        self.read + rest.expect("because a pipe can be read")
    }
}
