//! One call of the tool.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use datalab_lab::desk::{self, Ongoing};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::desk::{Desk, SERVER};

pub(crate) use datalab_lab::desk::Output;

/// The program under test.
pub(crate) static TOOL: LazyLock<String> =
    LazyLock::new(|| desk::program(env!("CARGO_BIN_EXE_kubectl-datalab-oidc_login")));

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
    #[track_caller]
    pub(crate) fn start(self) -> Running<'a> {
        let script = match self.times {
            1 => PARENT.to_owned(),
            times => format!("for i in $(seq {times}); do \"$@\"; code=$?; done; exit $code"),
        };
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &script, "sh"])
            .args(&self.before)
            .arg(TOOL.as_str())
            .args(&self.words)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.desk.path("home"));
        Running {
            desk: self.desk,
            ongoing: Ongoing::start(&mut command, self.line(), ""),
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

impl Running<'_> {
    /// The tool's own pid, once it runs.
    pub(crate) fn tool(&self) -> i32 {
        let parent = self.ongoing.pid();
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
        self.ongoing.is_over()
    }

    #[track_caller]
    pub(crate) fn wait(self) -> Output {
        let output = self.ongoing.wait();
        check(&output, self.desk);
        output
    }
}

/// What holds of every call, whatever is tested: no secret on stderr, no library's own words, and
/// nothing but credentials from who gives credentials.
#[track_caller]
pub(crate) fn check(output: &Output, desk: &Desk) {
    output.assert_discreet(&desk.provider.secrets());
    if output.command.contains(" get-token") && !output.command.contains(" --help") {
        // One object a call; the same parent may have called several times.
        for line in output.stdout.lines() {
            let reply: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("not a JSON object ({error}): {output}"));
            assert_eq!(reply["kind"], json!("ExecCredential"), "{output}");
        }
    }
}
