//! Ending a lab and removing every trace of it, in whatever half state it was left.

use std::fs;
use std::path::{Path, PathBuf};

use super::hold;
use crate::cgroup;
use crate::directories::{self, Directories};
use crate::lock;
use crate::name::LabName;
use crate::network;
use crate::process;
use crate::progress::{Event, Progress};
use crate::state::{self, State};

/// What went wrong while a lab was ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state directory is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
    /// The lab's lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The lab's state file.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lab's first process.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The lab's network device.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The lab's cgroups.
    #[error(transparent)]
    Cgroup(#[from] cgroup::Error),
    /// The lab's directory.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The directory.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Ends the lab of this name; returns whether there was anything to end.
///
/// # Errors
/// When something of the lab is left; a second `down` goes on from there.
pub fn down(name: &LabName, progress: &mut dyn Progress) -> Result<bool, Error> {
    let labs = Directories::from_env()?.labs();
    let lock = hold(&labs, name, || {
        progress.report(Event::Note(format!(
            "waiting: lab {name} is being started or ended"
        )));
    })?;
    let existed = clear(&labs.join(name.as_str()))?;
    lock.remove()?;
    Ok(existed)
}

/// Ends and removes what is in a lab's directory. The caller holds the lab's lock.
pub(super) fn clear(directory: &Path) -> Result<bool, Error> {
    if let Some(state) = State::read(&State::file_in(directory))? {
        if let Some(init) = state.init {
            init.end()?;
        }
        network::disconnect(&state.veth)?;
        cgroup::remove(&cgroup::hierarchies()?, &state.cgroup)?;
    }
    // The state file goes last: a `down` that is killed before can be repeated.
    let removed = remove_all_but_state(directory)?;
    match fs::remove_dir_all(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(removed),
        Err(source) => Err(Error::Remove {
            path: directory.to_owned(),
            source,
        }),
    }
}

fn remove_all_but_state(directory: &Path) -> Result<bool, Error> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Remove { path, source }
    };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fail(directory)(error)),
    };
    let state = State::file_in(directory);
    for entry in entries {
        let path = entry.map_err(fail(directory))?.path();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).map_err(fail(&path))?;
        } else if path != state {
            fs::remove_file(&path).map_err(fail(&path))?;
        }
    }
    Ok(true)
}
