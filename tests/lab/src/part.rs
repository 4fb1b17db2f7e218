//! One server of the lab: how it is started and how it fares.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::packages;
use crate::state::{self, write_whole};

/// What went wrong with a part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It could not be started.
    #[error("cannot start {}", program.display())]
    Start { program: PathBuf, source: io::Error },
    /// Its log file could not be made.
    #[error("cannot write {}", path.display())]
    Log { path: PathBuf, source: io::Error },
    /// It ended although it should run.
    #[error("{name} ended: {status}")]
    Ended {
        name: &'static str,
        status: ExitStatus,
    },
    /// The list of parts could not be written.
    #[error(transparent)]
    State(#[from] state::Error),
}

impl Error {
    /// The part whose log says more.
    pub(crate) fn part(&self) -> Option<&'static str> {
        match self {
            Self::Ended { name, .. } => Some(name),
            Self::Start { .. } | Self::Log { .. } | Self::State(_) => None,
        }
    }
}

/// How a part is started.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

impl Part {
    pub(crate) fn new(name: &'static str, program: &Path) -> Self {
        Self {
            name,
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Appends an argument as it is.
    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Appends `--name=value`.
    pub(crate) fn flag(self, name: &str, value: impl Into<OsString>) -> Self {
        let mut argument = OsString::from(format!("--{name}="));
        argument.push(value.into());
        self.arg(argument)
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn spawn(&self, layout: &Layout) -> Result<Child, Error> {
        let path = layout.log(self.name);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|source| Error::Log { path, source })?;
        Command::new(&self.program)
            .args(&self.arguments)
            // A proxy or a kubeconfig of the user's is none of the lab's business.
            .env_clear()
            .env("PATH", packages::path())
            .env("HOME", layout.data(self.name))
            .env("TMPDIR", layout.scratch())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|source| Error::Start {
                program: self.program.clone(),
                source,
            })
    }
}

/// How a part fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It runs.
    Running,
    /// It ended, and how.
    Ended(String),
}

/// A part as the lab's first process reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Its pid in the lab's pid namespace.
    pub pid: u32,
    /// How it fares.
    pub condition: Condition,
    /// How often it was started again.
    pub restarts: u32,
    /// Where it writes its log.
    pub log: PathBuf,
}

#[derive(Debug)]
struct Running {
    part: Part,
    child: Child,
    restarts: u32,
    ended: Option<ExitStatus>,
}

/// The parts of a lab, started by and children of its first process.
#[derive(Debug)]
pub(crate) struct Parts {
    layout: Layout,
    running: Vec<Running>,
}

impl Parts {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            running: Vec::new(),
        }
    }

    /// Starts a part and writes down that it runs.
    pub(crate) fn start(&mut self, part: Part) -> Result<(), Error> {
        let child = part.spawn(&self.layout)?;
        self.running.push(Running {
            part,
            child,
            restarts: 0,
            ended: None,
        });
        self.record()
    }

    /// Starts a part that ended once more.
    pub(crate) fn restart(&mut self, name: &str) -> Result<(), Error> {
        if let Some(running) = self
            .running
            .iter_mut()
            .find(|running| running.part.name == name)
        {
            running.child = running.part.spawn(&self.layout)?;
            running.restarts += 1;
            running.ended = None;
        }
        self.record()
    }

    /// Fails when this part, or one it needs, has ended.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        for running in &mut self.running {
            // Only the error of a child that is not ours, which cannot be, would be lost.
            if let (None, Ok(Some(status))) = (running.ended, running.child.try_wait()) {
                running.ended = Some(status);
            }
            if let Some(status) = running.ended {
                let name = running.part.name;
                self.record()?;
                return Err(Error::Ended { name, status });
            }
        }
        Ok(())
    }

    /// Takes note of the end of the process with this pid; returns the name of the part it was.
    pub(crate) fn note_end(&mut self, pid: i32, status: i32) -> Option<&'static str> {
        let running = self.running.iter_mut().find(|running| {
            running.ended.is_none() && i64::from(running.child.id()) == i64::from(pid)
        })?;
        running.ended = Some(ExitStatus::from_raw(status));
        Some(running.part.name)
    }

    /// Writes down how the parts fare.
    pub(crate) fn record(&self) -> Result<(), Error> {
        let reports: Vec<Report> = self
            .running
            .iter()
            .map(|running| Report {
                name: running.part.name.to_owned(),
                pid: running.child.id(),
                condition: running.ended.map_or(Condition::Running, |status| {
                    Condition::Ended(status.to_string())
                }),
                restarts: running.restarts,
                log: self.layout.log(running.part.name),
            })
            .collect();
        Ok(write_whole(&self.layout.parts(), &reports)?)
    }
}
