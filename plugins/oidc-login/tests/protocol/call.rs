//! One call of the tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64URL_NOPAD;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::desk::{Desk, PATIENCE, SERVER};

/// The program under test.
pub(crate) static TOOL: LazyLock<String> = LazyLock::new(|| {
    let built = env!("CARGO_BIN_EXE_kubectl-datalab-oidc_login");
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

/// A parent of its own for each call, as each kubectl is one; `exit` keeps the shell from giving
/// its place to the tool.
const PARENT: &str = "\"$@\"; exit $?";

pub(crate) struct Call<'a> {
    desk: &'a Desk,
    words: Vec<String>,
    environment: BTreeMap<&'static str, OsString>,
    /// What stands before the tool: `strace -o log`, say.
    before: Vec<String>,
    /// How often the same parent calls it.
    times: usize,
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
            (
                "PATH",
                OsString::from("/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ),
            ("HOME", path("home")),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_STATE_HOME", path("state")),
            ("XDG_CACHE_HOME", path("cache")),
            ("XDG_RUNTIME_DIR", path("run")),
            ("TMPDIR", path("tmp")),
            ("BROWSER", path("browser")),
            ("DISPLAY", OsString::from(":0")),
            ("LANG", OsString::from("C.UTF-8")),
            ("RUST_BACKTRACE", OsString::from("0")),
        ]);
        Self {
            desk,
            words: words.into_iter().map(Into::into).collect(),
            environment,
            before: Vec::new(),
            times: 1,
        }
    }

    pub(crate) fn words<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name, value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.environment.remove(name);
        self
    }

    pub(crate) fn after<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.before.extend(words.into_iter().map(Into::into));
        self
    }

    /// The same parent calls it so often, one after the other, whatever comes of each.
    pub(crate) fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// As kubectl calls it, for the desk's server.
    pub(crate) fn asked_by_kubectl(self, version: &str, interactive: bool) -> Self {
        self.asked_for(version, interactive, Some(SERVER))
    }

    /// As kubectl calls it; the server is named with provideClusterInfo.
    pub(crate) fn asked_for(self, version: &str, interactive: bool, server: Option<&str>) -> Self {
        let mut info = json!({
            "kind": "ExecCredential",
            "apiVersion": format!("client.authentication.k8s.io/{version}"),
            "spec": {"interactive": interactive},
        });
        if let Some(server) = server {
            info["spec"]["cluster"] = json!({"server": server, "config": null});
        }
        self.with("KUBERNETES_EXEC_INFO", format!("{info}\n"))
    }

    #[track_caller]
    pub(crate) fn run(self) -> Output {
        self.start().wait()
    }

    /// Begins it, and leaves it running.
    pub(crate) fn start(self) -> Running<'a> {
        let mut words = self.before.clone();
        words.push(TOOL.clone());
        words.extend(self.words.iter().cloned());
        let script = match self.times {
            1 => PARENT.to_owned(),
            times => format!("for i in $(seq {times}); do \"$@\"; code=$?; done; exit $code"),
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &script, "sh"])
            .args(&words)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.desk.path("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        Running {
            desk: self.desk,
            command: self.line(),
            child,
            begun: Instant::now(),
        }
    }

    /// The words and the environment, for who starts it in another way.
    pub(crate) fn parts(self) -> (Vec<String>, BTreeMap<&'static str, OsString>, String) {
        let line = self.line();
        let mut words = vec![TOOL.clone()];
        words.extend(self.words);
        (words, self.environment, line)
    }

    /// As a reader would type it.
    fn line(&self) -> String {
        let mut line = "$ kubectl-datalab-oidc_login".to_owned();
        for word in &self.words {
            line.push(' ');
            line.push_str(word);
        }
        line
    }
}

impl<'a> Running<'a> {
    /// The tool's own pid, once it runs.
    pub(crate) fn tool(&self) -> i32 {
        let parent = self.child.id();
        let children = format!("/proc/{parent}/task/{parent}/children");
        let mut pid = None;
        self.desk.until("the tool to run", || {
            let text = fs::read_to_string(&children).unwrap_or_default();
            pid = text.split_ascii_whitespace().next().and_then(|pid| {
                let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
                (program == Path::new(TOOL.as_str())).then(|| pid.parse().ok())?
            });
            pid.is_some()
        });
        pid.unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.tool()), signal).unwrap();
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
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
                panic!("{} does not end; it said:\n{stderr}", self.command);
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
    pub(crate) fn new(command: String, stdout: String, stderr: String, code: i32) -> Self {
        Self {
            command,
            stdout,
            stderr,
            code,
            took: Duration::ZERO,
        }
    }

    /// The ExecCredential on stdout.
    #[track_caller]
    pub(crate) fn reply(&self) -> Value {
        assert_eq!(self.code, 0, "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The token on stdout.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let reply = self.reply();
        let token = reply["status"]["token"].as_str();
        token
            .unwrap_or_else(|| panic!("no token: {self}"))
            .to_owned()
    }

    /// The claims of the token on stdout.
    #[track_caller]
    pub(crate) fn claims(&self) -> Value {
        let token = self.token();
        let claims = token.split('.').nth(1).unwrap();
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
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
        for secret in desk.provider.secrets() {
            // Ids of devices and the like are shorter; a state stands in the address that the user
            // is told to open, and nowhere else.
            let mut lines = self.stderr.lines().filter(|line| !line.contains("://"));
            let shown = secret.len() > 30 && lines.any(|line| line.contains(&secret));
            assert!(!shown, "a secret on stderr: {self}");
        }
        if self.command.contains(" get-token") && !self.command.contains(" --help") {
            // One object a call; the same parent may have called several times.
            for line in self.stdout.lines() {
                let reply: Value = serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("not a JSON object ({error}): {self}"));
                assert_eq!(reply["kind"], json!("ExecCredential"), "{self}");
            }
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
