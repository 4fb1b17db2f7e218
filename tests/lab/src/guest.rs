//! Programs of a part that a lab gets on demand: started from outside, in the lab's namespaces.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Lab;
use crate::command::bound;
use crate::file::{FileError, fail};
use crate::packages;
use crate::process::{self, Process};

/// Ready after 5 s each at most; a busy machine needs several times that.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often one is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Shows files in the place of others to what is run after them: pairs, then `--`, then the program.
const SHOW: &str =
    r#"while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit; shift 2; done; shift; exec "$@""#;

/// What went wrong with a program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be looked at.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// It ended, or does not serve in time.
    #[error("{name} {how}: see {}", log.display())]
    NotReady {
        /// Its name.
        name: &'static str,
        /// What it does instead of serving.
        how: String,
        /// Its log.
        log: PathBuf,
    },
}

/// How programs are run inside a lab.
#[derive(Debug)]
pub(crate) struct Guests<'a> {
    lab: &'a Lab,
    home: PathBuf,
    shown: Vec<(PathBuf, &'static str)>,
}

impl<'a> Guests<'a> {
    /// Programs with this home.
    pub(crate) fn new(lab: &'a Lab, home: &Path) -> Self {
        Self {
            lab,
            home: home.to_owned(),
            shown: Vec::new(),
        }
    }

    /// Shows them, and nobody else, a copy of a file in the place of one that the machine has: what else
    /// writes there, such as what keeps a machine's authorities, does not write into the file.
    pub(crate) fn showing(mut self, file: &Path, at: &'static str) -> Result<Self, Error> {
        let copy = self.home.join(format!("shown-{}", self.shown.len()));
        fs::copy(file, &copy).map_err(fail("copy", file))?;
        self.shown.push((copy, at));
        Ok(self)
    }

    /// A program that is run to its end.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = bound("nsenter");
        self.inside(&mut command, program.as_ref());
        command
    }

    /// Starts a server, by the name that its log has: its end is the lab's, a terminal's is not. `line` is
    /// told the rest of its command line.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        program: impl AsRef<OsStr>,
        line: impl FnOnce(&mut Command),
    ) -> Result<Process, Error> {
        let log = self.lab.layout().log(name);
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.map_err(fail("write", &log))?;
        let copy = file.try_clone().map_err(fail("write", &log))?;
        let mut command = Command::new("setsid");
        command.arg("nsenter");
        self.inside(&mut command, program.as_ref());
        line(&mut command);
        let child = command
            .stdin(Stdio::null())
            .stdout(copy)
            .stderr(file)
            .spawn()
            .map_err(fail("start", Path::new(name)))?;
        let pid = i32::try_from(child.id()).unwrap_or_default();
        let how = "ended at once".to_owned();
        Process::running(pid)?.ok_or(Error::NotReady { name, how, log })
    }

    /// Asks again and again whether a server serves, as long as it runs.
    pub(crate) fn until<E>(
        &self,
        name: &'static str,
        server: Process,
        is_serving: impl Fn() -> Result<bool, E>,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + READY_WITHIN;
        let not_ready = |how: String| Error::NotReady {
            name,
            how,
            log: self.lab.layout().log(name),
        };
        // What cannot be asked yet may be asked later.
        while !is_serving().unwrap_or(false) {
            if !server.is_running()? {
                return Err(not_ready("ended".to_owned()));
            }
            if Instant::now() > deadline {
                let limit = READY_WITHIN.as_secs();
                return Err(not_ready(format!("is not ready within {limit} s")));
            }
            thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    /// The rest of a line that begins with nsenter.
    fn inside(&self, command: &mut Command, program: &OsStr) {
        command
            // A server that names its threads does so by way of /proc, which has to be the lab's own.
            .args(["--net", "--pid", "--mount", "--target"])
            .args([&self.lab.init_pid().to_string(), "--"])
            // nsenter stays beside, and is the one that is known and ended.
            .args(["setpriv", "--pdeathsig", "KILL", "--"])
            .args(["unshare", "--mount", "sh", "-c", SHOW, "sh"]);
        for (file, at) in &self.shown {
            command.arg(file).arg(at);
        }
        command
            .arg("--")
            .arg(program)
            .env_clear()
            .env("PATH", packages::path())
            .env("HOME", &self.home)
            .current_dir("/");
    }
}

/// What is known of servers that were started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Each of them, as far as they were started.
    processes: Vec<Process>,
    /// Whether they were seen to serve.
    is_ready: bool,
}

impl Record {
    pub(crate) fn read(file: &Path) -> Self {
        let bytes = fs::read(file).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Whether all run that serve together.
    pub(crate) fn is_running(&self) -> bool {
        let runs = |process: &Process| process.is_running().is_ok_and(|runs| runs);
        self.is_ready && self.processes.iter().all(runs)
    }

    /// Ends what is left of an earlier attempt.
    pub(crate) fn clear(&mut self) -> Result<(), process::Error> {
        self.is_ready = false;
        for process in self.processes.drain(..) {
            process.end()?;
        }
        Ok(())
    }

    /// One more was started.
    pub(crate) fn add(&mut self, process: Process) {
        self.processes.push(process);
    }

    /// All serve.
    pub(crate) fn ready(&mut self) {
        self.is_ready = true;
    }
}
