//! Programs run to their end, with a deadline, and what they left.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No command of a story lasts longer; one that does hangs, and a hang must name itself.
const DEADLINE: Duration = Duration::from_secs(180);

/// Programs of the system that a story's commands may call: a shell, psql, coreutils.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program about to run in a clean environment.
#[must_use = "a program runs with `run`"]
pub struct Program {
    command: Command,
    line: String,
    input: Vec<u8>,
}

impl Program {
    /// A program and its arguments, seeing nothing of the test's own environment: `path` is searched
    /// before the system's folders, `home` is its home.
    pub(super) fn new<S: AsRef<OsStr>>(
        line: impl IntoIterator<Item = S>,
        path: &[&Path],
        home: &Path,
    ) -> Self {
        let words: Vec<OsString> = line
            .into_iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        assert!(!words.is_empty(), "a command line needs a program");
        let mut search: Vec<&Path> = path.to_vec();
        search.extend(SYSTEM_PATH.split(':').map(Path::new));
        let search = std::env::join_paths(search)
            .expect("because no folder of ours has a colon in its name");

        // With a PATH of its own, std looks the program up there and not in this process's.
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", search)
            .env("HOME", home)
            .env("LANG", "C.UTF-8")
            .env("TERM", "dumb");
        let line = words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        Self {
            command,
            line,
            input: Vec::new(),
        }
    }

    /// Sets one variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Looks for programs in this folder too, before all others.
    pub fn also_in(mut self, folder: &Path) -> Self {
        let of_path = |(name, value): (&OsStr, Option<&OsStr>)| {
            (name == "PATH")
                .then(|| value.map(OsStr::to_owned))
                .flatten()
        };
        let path = self.command.get_envs().find_map(of_path);
        let path = path.unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders);
        self.command.env(
            "PATH",
            path.expect("because no folder of ours has a colon in its name"),
        );
        self
    }

    /// What it reads on stdin; nothing without this.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started or does not end within three minutes.
    #[track_caller]
    pub fn run(mut self) -> Output {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(&mut self.command, &self.line);
        let mut stdin = child.stdin.take().expect("because stdin is piped");
        let input = std::mem::take(&mut self.input);
        // A program that ends before it has read all is no failure of ours.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = collect(child.stdout.take().expect("because stdout is piped"));
        let stderr = collect(child.stderr.take().expect("because stderr is piped"));

        let started = Instant::now();
        let status = loop {
            if let Some(status) = child
                .try_wait()
                .expect("because the child is ours to wait for")
            {
                break status;
            }
            if started.elapsed() > DEADLINE {
                let _ = child.kill();
                let _ = child.wait();
                assert!(
                    started.elapsed() < DEADLINE,
                    "{} does not end: killed after {DEADLINE:?}",
                    self.line
                );
            }
            thread::sleep(Duration::from_millis(5));
        };
        writer
            .join()
            .expect("because writing to a pipe does not panic");
        let text = |bytes: thread::JoinHandle<Vec<u8>>| {
            let bytes = bytes
                .join()
                .expect("because reading from a pipe does not panic");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Output {
            line: self.line,
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }

    /// Starts it with all three streams piped and leaves it to the caller: for signals and sessions.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn spawn(mut self) -> Child {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        spawn(&mut self.command, &self.line)
    }
}

#[track_caller]
fn spawn(command: &mut Command, line: &str) -> Child {
    let child = command.spawn();
    assert!(
        child.is_ok(),
        "{line}: {}",
        child
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    );
    child.expect("because it was just checked")
}

fn collect(mut stream: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        bytes
    })
}

/// What a program left when it ended. Its `Display` is the transcript that failures print.
#[must_use = "a command that nobody judges proves nothing: ok() or fails()"]
#[derive(Clone, Debug)]
pub struct Output {
    line: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Output {
    /// Asserts success and hands out stdout.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.succeeded(), "this should have succeeded:\n{self}");
        self.stdout
    }

    /// Asserts failure and hands out stderr.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(!self.succeeded(), "this should have failed:\n{self}");
        self.stderr
    }

    /// Asserts this very exit code and hands out stderr.
    #[track_caller]
    pub fn fails_with(self, code: i32) -> String {
        assert!(
            self.code == Some(code),
            "this should have ended with exit code {code}:\n{self}"
        );
        self.stderr
    }

    /// Whether the exit code is 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code == Some(0)
    }

    /// The exit code; none after a signal.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// What it wrote to stdout.
    #[must_use]
    pub fn stdout(&self) -> &str {
        &self.stdout
    }

    /// What it wrote to stderr.
    #[must_use]
    pub fn stderr(&self) -> &str {
        &self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.line)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(f, "-- {name}\n{}", text.trim_end())?;
            }
        }
        match self.code {
            Some(code) => write!(f, "-- exit code {code}"),
            None => write!(f, "-- ended by a signal"),
        }
    }
}
