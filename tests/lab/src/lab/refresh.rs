//! Giving a lab that is up the policy engine of the program at hand.
//!
//! A lab runs a copy of xtask, made when it was started. Whoever changes the engine and asks for the
//! lab again means the changed one; the rest of the lab does not depend on the copy.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::Lab;
use crate::control_plane::NETWORK_POLICY_ENGINE;
use crate::file::{FileError, fail};
use crate::process::{self, Process};

/// How long the lab's first process may take to start the engine again; it waits a second.
const AGAIN_WITHIN: Duration = Duration::from_secs(20);

/// What went wrong while the engine was replaced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program could not be compared or copied.
    #[error(transparent)]
    File(#[from] FileError),
    /// The old engine could not be ended.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The new engine did not come up.
    #[error("the new policy engine does not run: see {}", .0.display())]
    NotAgain(PathBuf),
}

impl Lab {
    /// Replaces the policy engine if the calling program is not the lab's; says whether it was.
    pub(super) fn refresh_engine(&self) -> Result<bool, Error> {
        let own = env::current_exe().map_err(fail("find", Path::new("/proc/self/exe")))?;
        let copy = self.layout.init_program();
        let is_provided = self.state.programs.network_policy_engine.is_some();
        if is_provided || read(&own)? == read(&copy)? {
            return Ok(false);
        }
        // The old one is being run and cannot be written to, but it can be replaced.
        let fresh = copy.with_extension("fresh");
        fs::copy(&own, &fresh).map_err(fail("copy", &own))?;
        fs::rename(&fresh, &copy).map_err(fail("replace", &copy))?;
        let old = self.engine();
        if let Some(old) = old.map(Process::running).transpose()?.flatten() {
            old.end()?;
        }
        let deadline = Instant::now() + AGAIN_WITHIN;
        while self.engine().is_none_or(|pid| Some(pid) == old) {
            if Instant::now() > deadline {
                return Err(Error::NotAgain(self.layout.log(NETWORK_POLICY_ENGINE)));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(true)
    }

    /// The pid of the engine, while it runs.
    fn engine(&self) -> Option<i32> {
        let parts = self.parts();
        parts
            .into_iter()
            .find(|part| part.report.name == NETWORK_POLICY_ENGINE)?
            .pid
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(fail("read", path))
}
