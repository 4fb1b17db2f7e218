//! Starting a lab, or finding that it is up.

use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use super::{FindError, Lab, down, hold, launch, refresh};
use crate::directories::{self, Directories};
use crate::image;
use crate::lock;
use crate::name::LabName;
use crate::packages;
use crate::progress::{Event, Progress, Shared, step};
use crate::state::{self, State};
use crate::tools::{self, Go, Programs};

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
    /// The image could not be imported.
    #[error(transparent)]
    Store(#[from] image::StoreError),
    /// The lab's lock.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// What an earlier run left could not be removed.
    #[error(transparent)]
    Down(#[from] down::Error),
    /// The policy engine of a lab that is up could not be replaced.
    #[error(transparent)]
    Refresh(#[from] refresh::Error),
    /// The lab could not be looked at.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The state file.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lab did not come up.
    #[error(transparent)]
    Launch(#[from] launch::Error),
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
    pub fn up(
        name: &LabName,
        progress: &mut (dyn Progress + Send),
    ) -> Result<(Self, Outcome), Error> {
        let directories = Directories::from_env()?;
        let labs = directories.labs();
        let go = packages::ensure(directories.cache(), progress)?;
        let _lock = hold(&labs, name, || {
            progress.report(Event::Note(format!(
                "waiting: lab {name} is being started or ended"
            )));
        })?;
        let directory = labs.join(name.as_str());
        let file = State::file_in(&directory);
        if let Some(lab) = Self::at(&file)? {
            match lab.settled() {
                Ok(()) => {
                    if lab.refresh_engine()? {
                        let note = "started the policy engine of this build";
                        progress.report(Event::Note(note.to_owned()));
                    }
                    return Ok((lab, Outcome::AlreadyUp));
                }
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
        let (programs, image) = build(directories.cache(), go.as_ref(), progress)?;
        let mut state = State::new(name.clone(), &labs, programs, image);
        state.write()?;
        launch::launch(&mut state, progress)?;
        let lab = Self::at(&file)?.ok_or(FindError::NotUpAt(file))?;
        Ok((lab, Outcome::Started))
    }
}

/// Makes what the cache lacks: the image, which is downloaded, while the servers are compiled.
fn build(
    cache: &Path,
    go: Option<&Go>,
    progress: &mut (dyn Progress + Send),
) -> Result<(Programs, PathBuf), Error> {
    let progress = Mutex::new(progress);
    thread::scope(|scope| {
        let image = scope.spawn(|| -> Result<PathBuf, Error> {
            let archive = image::build(cache, &mut Shared(&progress))?;
            Ok(image::import(&archive, &mut Shared(&progress))?)
        });
        let programs = tools::build(cache, go, &mut Shared(&progress));
        let image = image
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic));
        Ok((programs?, image?))
    })
}
