//! Starting a lab, or finding that it is up.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{FindError, Lab, down, hold};
use crate::command::last_lines;
use crate::control_plane;
use crate::directories::{self, Directories};
use crate::image;
use crate::init::{GO, Message};
use crate::layout::Layout;
use crate::lock;
use crate::name::LabName;
use crate::network;
use crate::node;
use crate::packages;
use crate::process::{self, Process};
use crate::progress::{Event, Progress, step};
use crate::state::{self, Phase, State};
use crate::tools;

/// How many lines of a failed part's log are shown.
const LOG_LINES: usize = 10;

/// Where a line of a log is cut: some of Kubernetes' are longer than a screen.
const LOG_WIDTH: usize = 400;

/// What went wrong while a lab was started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state directory is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
    /// The machine lacks something.
    #[error(transparent)]
    Packages(#[from] packages::Error),
    /// The servers could not be built.
    #[error(transparent)]
    Tools(#[from] tools::Error),
    /// The image could not be built.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The image could not be imported, or not be given to the lab.
    #[error(transparent)]
    Store(#[from] image::StoreError),
    /// The lab's lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// What an earlier run left could not be removed.
    #[error(transparent)]
    Down(#[from] down::Error),
    /// The lab could not be looked at.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The state file.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lab's first process.
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
    /// A file could not be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
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

/// What `up` found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The lab was up and healthy.
    AlreadyUp,
    /// The lab was started.
    Started,
}

impl Lab {
    /// Starts the lab of this name, building what is needed for the first time, or finds it up.
    ///
    /// The lab's first process is this very program, called as `lab init`; whoever calls this
    /// answers that with [`crate::init::run`].
    ///
    /// # Errors
    /// With the step that failed and the end of its log. What was started is ended; the logs
    /// stay until the next `up` or `down`.
    pub fn up(name: &LabName, progress: &mut dyn Progress) -> Result<(Self, Outcome), Error> {
        let directories = Directories::from_env()?;
        let labs = directories.labs();
        let go = packages::ensure(directories.cache(), progress)?;
        let _lock = hold(&labs, name, || {
            progress.report(Event::Note(format!(
                "waiting: lab {name} is being started or ended"
            )));
        })?;
        let directory = labs.join(name.as_str());
        if let Some(lab) = Self::at(&State::file_in(&directory))? {
            match lab.settled() {
                Ok(()) => return Ok((lab, Outcome::AlreadyUp)),
                Err(ailment) => {
                    progress.report(Event::Note(format!("starting lab {name} again: {ailment}")));
                }
            }
        }
        if directory.exists() {
            step(progress, "remove what was left", |_| {
                down::clear(&directory)
            })?;
        }
        let programs = tools::build(directories.cache(), go.as_ref(), progress)?;
        let archive = image::build(directories.cache(), progress)?;
        let image = image::import(&archive, progress)?;

        let mut state = State::new(name.clone(), &labs, programs, image);
        state.write()?;
        let started = start(&mut state, progress);
        if started.is_err() {
            // The logs stay, what runs does not. The first error is the one to tell.
            let _ = end_processes(&state);
        }
        started?;
        let file = State::file_in(&directory);
        let lab = Self::at(&file)?.ok_or(FindError::NotUpAt(file))?;
        Ok((lab, Outcome::Started))
    }
}

fn end_processes(state: &State) -> Result<(), Error> {
    if let Some(init) = state.init {
        init.end()?;
    }
    Ok(network::disconnect(&state.veth)?)
}

fn start(state: &mut State, progress: &mut dyn Progress) -> Result<(), Error> {
    let layout = Layout::new(&state.directory);
    let (mut messages, mut to_init) = step(progress, "configure", |_| {
        for folder in layout.folders() {
            fs::create_dir_all(&folder).map_err(fail("create", &folder))?;
        }
        let kubectl = layout.bin().join("kubectl");
        std::os::unix::fs::symlink(&state.programs.kubectl, &kubectl)
            .map_err(fail("create", &kubectl))?;
        let mut init = spawn(&layout, state)?;
        let (Some(stdout), Some(stdin)) = (init.stdout.take(), init.stdin.take()) else {
            return Err(Error::Init {
                log: layout.log("init"),
            });
        };
        let mut messages = Messages {
            lines: BufReader::new(stdout).lines(),
            log: layout.log("init"),
        };
        let Message::Pid(pid) = messages.next()? else {
            return Err(Error::Init {
                log: layout.log("init"),
            });
        };
        let ended = || Error::Init {
            log: layout.log("init"),
        };
        state.init = Some(Process::running(pid)?.ok_or_else(ended)?);
        state.write()?;
        let subnet = network::connect(state, pid)?;
        control_plane::configure(&layout, subnet)?;
        node::configure(&layout)?;
        image::copy(&state.image, &layout.data("containerd"))?;
        Ok((messages, stdin))
    })?;
    // If this fails, the first process is gone, and the next message says why.
    let _ = to_init.write_all(GO);
    loop {
        match messages.next()? {
            Message::Event(event) => progress.report(event),
            Message::Failed { step, reason, log } => return Err(Error::Part { step, reason, log }),
            Message::Ready => break,
            Message::Pid(_) => {}
        }
    }
    state.phase = Phase::Up;
    Ok(state.write()?)
}

/// Starts the lab's first process in a session and in namespaces of its own.
fn spawn(layout: &Layout, state: &State) -> Result<Child, Error> {
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
    Command::new("setsid")
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
        .map_err(fail("start", Path::new("setsid")))
}

/// What the first process says, until it ends.
struct Messages<R> {
    lines: std::io::Lines<R>,
    log: PathBuf,
}

impl<R: std::io::BufRead> Messages<R> {
    fn next(&mut self) -> Result<Message, Error> {
        let line = self.lines.next().and_then(Result::ok);
        line.and_then(|line| serde_json::from_str(&line).ok())
            .ok_or_else(|| Error::Init {
                log: self.log.clone(),
            })
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

fn fail(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        action,
        path,
        source,
    }
}
