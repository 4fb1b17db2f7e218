//! One call of the tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::desk::{Desk, PATIENCE};

/// The program under test.
pub(crate) static TOOL: LazyLock<String> = LazyLock::new(|| {
    let built = env!("CARGO_BIN_EXE_kubectl-datalab-s3_creds");
    // Linked as it is released, where somebody has built it so.
    let released = std::env::var_os("DATALAB_BIN").and_then(|folder| {
        let name = Path::new(built).file_name()?;
        let program = Path::new(&folder).join(name);
        program
            .is_file()
            .then(|| program.to_string_lossy().into_owned())
    });
    released.unwrap_or_else(|| built.to_owned())
});

pub(crate) struct Call<'a> {
    desk: &'a Desk,
    words: Vec<String>,
    environment: BTreeMap<&'static str, OsString>,
    /// What stands before the tool: `strace -o log`, say.
    before: Vec<String>,
    input: String,
    program: String,
}

/// What a call came to.
#[derive(Clone)]
pub(crate) struct Output {
    pub(crate) command: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code; of a signal 128 and its number.
    pub(crate) code: i32,
    pub(crate) took: Duration,
}

/// A call that goes on.
pub(crate) struct Running<'a> {
    desk: &'a Desk,
    command: String,
    child: Child,
    begun: Instant,
}

impl<'a> Call<'a> {
    pub(crate) fn new<W: Into<String>>(desk: &'a Desk, words: impl IntoIterator<Item = W>) -> Self {
        let path = |name: &str| desk.path(name).into_os_string();
        let environment = BTreeMap::from([
            ("PATH", OsString::from("/usr/local/bin:/usr/bin:/bin")),
            ("HOME", path("home")),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_STATE_HOME", path("state")),
            ("XDG_CACHE_HOME", path("cache")),
            ("XDG_RUNTIME_DIR", path("run")),
            ("TMPDIR", path("tmp")),
            ("BROWSER", path("browser")),
            ("DISPLAY", OsString::from(":0")),
            ("LANG", OsString::from("C.UTF-8")),
        ]);
        Self {
            desk,
            words: words.into_iter().map(Into::into).collect(),
            environment,
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
    pub(crate) fn start(self) -> Running<'a> {
        use std::io::Write as _;
        let mut words = self.before.clone();
        words.push(self.program.clone());
        words.extend(self.words.iter().cloned());
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.desk.path("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without having read.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        Running {
            desk: self.desk,
            command: self.line(),
            child,
            begun: Instant::now(),
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
        self.child.id()
    }

    /// What it writes, for who reads on while it runs.
    pub(crate) fn stdout(&mut self) -> &mut impl std::io::Read {
        self.child.stdout.as_mut().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    #[track_caller]
    pub(crate) fn wait(mut self) -> Output {
        let read = |mut stream: Box<dyn std::io::Read + Send>| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).unwrap();
                String::from_utf8(bytes).unwrap()
            })
        };
        let stdout = read(Box::new(self.child.stdout.take().unwrap()));
        let stderr = read(Box::new(self.child.stderr.take().unwrap()));
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.begun.elapsed() > PATIENCE {
                self.signal(Signal::SIGKILL);
                let stderr = stderr.join().unwrap();
                panic!("{} does not end: {stderr}", self.command);
            }
            thread::sleep(Duration::from_millis(2));
        };
        let took = self.begun.elapsed();
        let output = Output {
            command: self.command,
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
            code: status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap()),
            took,
        };
        output.check(self.desk);
        output
    }
}

impl Output {
    /// The JSON on stdout, of a call that went well.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self}");
        let parsed = serde_json::from_str(&self.stdout);
        assert!(parsed.is_ok(), "{self}");
        parsed.unwrap()
    }

    /// It failed with this code, and said nothing on stdout.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32) -> &Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self}");
        self
    }

    /// What holds of every call, whatever is tested: no secret on stderr, no library's own words.
    #[track_caller]
    pub(crate) fn check(&self, desk: &Desk) {
        let secrets = [desk.provider.secrets(), desk.storage.secrets()].concat();
        for secret in secrets.iter().filter(|secret| secret.len() > 30) {
            // A state stands in the address that the user is told to open, and nowhere else.
            let mut lines = self.stderr.lines().filter(|line| !line.contains("://"));
            assert!(!lines.any(|line| line.contains(secret)), "a secret: {self}");
        }
        for word in ["panicked at", "RUST_BACKTRACE", "Err(", "Some("] {
            assert!(!self.stderr.contains(word), "{word}: {self}");
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command)?;
        if !self.stdout.is_empty() {
            writeln!(f, "[stdout]\n{}", self.stdout.trim_end())?;
        }
        if !self.stderr.is_empty() {
            writeln!(f, "[stderr]\n{}", self.stderr.trim_end())?;
        }
        write!(f, "[exit code {}]", self.code)
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
