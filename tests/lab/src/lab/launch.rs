//! Starting a lab's first process, and hearing from it until the lab is up.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use crate::command::last_lines;
use crate::control_plane;
use crate::file::{FileError, fail};
use crate::image;
use crate::init::{GO, Message};
use crate::layout::Layout;
use crate::network;
use crate::node;
use crate::packages;
use crate::process::{self, Process};
use crate::progress::{Progress, step};
use crate::state::{self, Phase, State};

/// How many lines of a failed part's log are shown.
const LOG_LINES: usize = 10;

/// Where a line of a log is cut: some of Kubernetes' are longer than a screen.
const LOG_WIDTH: usize = 400;

/// What went wrong between the state file and a lab that is up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state file.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lab's first process could not be looked at or ended.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The lab's network device.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The control plane's configuration.
    #[error(transparent)]
    ControlPlane(#[from] control_plane::Error),
    /// The node's configuration.
    #[error(transparent)]
    Node(#[from] node::Error),
    /// The image could not be given to the lab.
    #[error(transparent)]
    Image(#[from] image::StoreError),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A step inside the lab failed.
    #[error("{step}: {reason}{}", excerpt(log.as_deref()))]
    Part {
        /// The step.
        step: String,
        /// Why it failed, with all causes.
        reason: String,
        /// The log of the part that the step is about.
        log: Option<PathBuf>,
    },
    /// The lab's first process ended without a word.
    #[error("the lab's first process ended{}", excerpt(Some(log)))]
    Init {
        /// Its log.
        log: PathBuf,
    },
}

/// Starts the lab of this state, which has been written, and waits until it is up.
///
/// What was started is ended when it fails; the lab's directory stays, for its logs.
pub(super) fn launch(state: &mut State, progress: &mut dyn Progress) -> Result<(), Error> {
    let launched = configure(state, progress).and_then(|init| init.run(progress));
    if launched.is_err() {
        // The first error is the one to tell, and the next `up` or `down` tries again.
        let _ = end(state);
    }
    launched?;
    state.phase = Phase::Up;
    Ok(state.write()?)
}

fn end(state: &State) -> Result<(), Error> {
    if let Some(init) = state.init {
        init.end()?;
    }
    Ok(network::disconnect(&state.veth)?)
}

fn configure(state: &mut State, progress: &mut dyn Progress) -> Result<Init, Error> {
    step(progress, "configure", |_| {
        let layout = Layout::new(&state.directory);
        for folder in layout.folders() {
            fs::create_dir_all(&folder).map_err(fail("create", &folder))?;
        }
        let kubectl = layout.bin().join("kubectl");
        std::os::unix::fs::symlink(&state.programs.kubectl, &kubectl)
            .map_err(fail("create", &kubectl))?;

        let mut init = Init::start(&layout, state)?;
        let Message::Pid(pid) = init.hear()? else {
            return Err(init.ended());
        };
        state.init = Some(Process::running(pid)?.ok_or_else(|| init.ended())?);
        state.write()?;

        let subnet = network::connect(state, pid)?;
        control_plane::configure(&layout, subnet)?;
        node::configure(&layout)?;
        image::copy(&state.image, &layout.data("containerd"))?;
        Ok(init)
    })
}

/// The lab's first process, from outside, until the lab is up.
struct Init {
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Init {
    /// Starts it in a session and in namespaces of its own, where it waits for [`GO`].
    fn start(layout: &Layout, state: &State) -> Result<Self, Error> {
        let own = env::current_exe().map_err(fail("find", Path::new("/proc/self/exe")))?;
        let program = layout.init_program();
        fs::copy(&own, &program).map_err(fail("copy", &own))?;
        let log = layout.log("init");
        let stderr = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(fail("write", &log))?;
        // The terminal's end is not the lab's: hence setsid. If unshare is killed, so is the lab.
        let mut child = Command::new("setsid")
            .args([
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--",
            ])
            .arg(&program)
            .args(["lab", "init", "--state"])
            .arg(State::file_in(&state.directory))
            .env("PATH", packages::path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(fail("start", Path::new("setsid")))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(stdin), Some(stdout)) => Ok(Self {
                stdin,
                lines: BufReader::new(stdout).lines(),
                log,
            }),
            _ => Err(Error::Init { log }),
        }
    }

    /// Lets it begin, and shows what it tells until the lab is up.
    fn run(mut self, progress: &mut dyn Progress) -> Result<(), Error> {
        // If this fails it is gone, and what it told before, or its log, says why.
        let _ = self.stdin.write_all(GO);
        loop {
            match self.hear()? {
                Message::Event(event) => progress.report(event),
                Message::Failed { step, reason, log } => {
                    return Err(Error::Part { step, reason, log });
                }
                Message::Ready => return Ok(()),
                Message::Pid(_) => {}
            }
        }
    }

    fn hear(&mut self) -> Result<Message, Error> {
        let line = self.lines.next().and_then(Result::ok);
        line.and_then(|line| serde_json::from_str(&line).ok())
            .ok_or_else(|| self.ended())
    }

    fn ended(&self) -> Error {
        Error::Init {
            log: self.log.clone(),
        }
    }
}

/// The end of a log and its path, as the rest of a message.
fn excerpt(log: Option<&Path>) -> String {
    let Some(log) = log else { return String::new() };
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines = last_lines(&text, LOG_LINES);
    if lines.is_empty() {
        return format!(" (nothing in {})", log.display());
    }
    let quoted: String = lines
        .lines()
        .map(|line| format!("\n  | {}", cut(line)))
        .collect();
    format!("\nthe last lines of {}:{quoted}", log.display())
}

fn cut(line: &str) -> String {
    if line.chars().count() <= LOG_WIDTH {
        return line.to_owned();
    }
    line.chars().take(LOG_WIDTH).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_end_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("etcd.log");
        let lines: Vec<String> = (0..20).map(|n| format!("line {n}")).collect();
        fs::write(&log, lines.join("\n")).unwrap();
        let error = Error::Part {
            step: "etcd".to_owned(),
            reason: "etcd ended: exit status: 1".to_owned(),
            log: Some(log.clone()),
        };
        let text = error.to_string();
        assert!(
            text.starts_with("etcd: etcd ended: exit status: 1\nthe last lines of "),
            "{text}"
        );
        assert!(text.contains(log.to_str().unwrap()), "{text}");
        assert!(
            text.ends_with("| line 19") && !text.contains("line 9\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(LOG_WIDTH + 1);
        assert_eq!(cut(&long).chars().count(), LOG_WIDTH + 1);
        assert!(cut(&long).ends_with('…'));
    }
}
