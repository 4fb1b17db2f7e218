//! A process as this machine knows it: its pid together with the moment it was started.
//!
//! A pid alone is reused; a file that remembers only a pid would one day end a stranger.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// How long the kernel may take to end every process of a pid namespace.
const END_WITHIN: Duration = Duration::from_secs(20);

/// What went wrong while a process was looked at or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `/proc/PID/stat` could not be read although the process may exist.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file in question.
        path: PathBuf,
        /// Why it could not be read.
        source: std::io::Error,
    },
    /// `/proc/PID/stat` does not look as proc(5) says.
    #[error("{} is not in the form that proc(5) describes", .0.display())]
    Malformed(PathBuf),
    /// The signal could not be sent.
    #[error("cannot end process {pid}")]
    Kill {
        /// The process.
        pid: i32,
        /// Why the signal was refused.
        source: Errno,
    },
    /// The process got SIGKILL and is still there.
    #[error("process {0} is still there {limit} s after SIGKILL", limit = END_WITHIN.as_secs())]
    Undead(i32),
}

/// A process, told apart from later ones with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its pid in the namespace of the caller.
    pub pid: i32,
    /// When it was started, in clock ticks after boot (field 22 of proc(5)'s stat).
    pub start_time: u64,
}

impl Process {
    /// The running process with this pid; `None` when there is none, or only a zombie.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) fn running(pid: i32) -> Result<Option<Self>, Error> {
        let path = PathBuf::from(format!("/proc/{pid}/stat"));
        match fs::read_to_string(&path) {
            Ok(stat) => {
                let (state, start_time) = parse_stat(&stat).ok_or(Error::Malformed(path))?;
                let ended = matches!(state, 'Z' | 'X');
                Ok((!ended).then_some(Self { pid, start_time }))
            }
            // ESRCH: it ended between open and read.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    || error.raw_os_error() == Some(Errno::ESRCH as i32) =>
            {
                Ok(None)
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// Whether this very process still runs.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(crate) fn is_running(&self) -> Result<bool, Error> {
        Ok(Self::running(self.pid)? == Some(*self))
    }

    /// Ends the process with SIGKILL and waits until it is gone; does nothing when it already is.
    ///
    /// # Errors
    /// When the signal is refused, or the process outlives it.
    pub(crate) fn end(&self) -> Result<(), Error> {
        if !self.is_running()? {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(source) => {
                return Err(Error::Kill {
                    pid: self.pid,
                    source,
                });
            }
        }
        let deadline = Instant::now() + END_WITHIN;
        while self.is_running()? {
            if Instant::now() > deadline {
                return Err(Error::Undead(self.pid));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// State letter and start time; the name in parentheses may itself hold spaces and parentheses.
fn parse_stat(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((state, start_time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        assert_eq!(parse_stat(stat), Some(('S', 4242)));
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let mut child = Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("because sleep exists");
        let pid = i32::try_from(child.id()).expect("because a pid fits");
        let real = Process::running(pid)
            .unwrap()
            .expect("because it was just started");
        let earlier = Process {
            start_time: real.start_time - 1,
            ..real
        };
        assert!(!earlier.is_running().unwrap());
        earlier.end().unwrap();
        assert!(real.is_running().unwrap(), "a stranger was ended");
        real.end().unwrap();
        child.wait().unwrap();
        assert_eq!(Process::running(pid).unwrap(), None);
    }
}
