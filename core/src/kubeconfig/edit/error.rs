use std::path::PathBuf;

use thiserror::Error;

use super::EntryKind;
use crate::{
    kubeconfig::Error,
    report::{Failure, Kind, quoted_if_needed},
    world::{LockFileError, WriteError},
};

/// Why entries were not written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EditError {
    /// A file is unreadable, or no kubeconfig.
    #[error(transparent)]
    Source(#[from] Error),
    /// There is no file to write to.
    #[error("there is nowhere to write a kubeconfig: neither KUBECONFIG nor HOME is set")]
    Nowhere,
    /// Another program holds a file's lock.
    #[error("{}", match .0 {
        LockFileError::Held { .. } => "the kubeconfig is locked",
        _ => "the kubeconfig cannot be written",
    })]
    Locked(#[from] LockFileError),
    /// An entry is no longer what was agreed to be replaced.
    #[error("{kind} {name:?} in {} was changed in the meantime", file.display())]
    Changed {
        /// What it is.
        kind: EntryKind,
        /// Its name.
        name: String,
        /// Its file.
        file: PathBuf,
    },
    /// What would be written does not read as what is meant.
    #[error("{} holds something that cannot be written back as it is", file.display())]
    Unspeakable {
        /// The file.
        file: PathBuf,
    },
    /// A file cannot be written.
    #[error("the kubeconfig cannot be written")]
    Unwritable {
        /// What the operating system says.
        source: WriteError,
        /// The files that were written before.
        written: Vec<PathBuf>,
    },
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        const UNTOUCHED: &str = "no kubeconfig was changed";
        let of = |kind| {
            let failure = Self::new(kind, error.to_string());
            match std::error::Error::source(&error) {
                Some(source) => failure.caused_by(source),
                None => failure,
            }
        };
        let again = "the same command again";
        match &error {
            EditError::Source(_) => match error {
                EditError::Source(source) => Self::from(source).state(UNTOUCHED),
                _ => of(Kind::Usage),
            },
            EditError::Nowhere => of(Kind::Usage)
                .state(UNTOUCHED)
                .next("the same command with --kubeconfig FILE"),
            EditError::Locked(LockFileError::Held { path, .. }) => of(Kind::Conflict)
                .detail("kubectl and other tools make this file while they write, and remove it; one that was killed leaves it behind")
                .state(UNTOUCHED)
                .next(format!(
                    "rm {}   (when no other program writes the kubeconfig)",
                    quoted_if_needed(&path.to_string_lossy())
                )),
            EditError::Locked(_) => of(Kind::Failed)
                .state(UNTOUCHED)
                .next("the same command with --kubeconfig FILE"),
            EditError::Changed { .. } => of(Kind::Conflict).state(UNTOUCHED).next(again),
            EditError::Unspeakable { .. } => of(Kind::Failed)
                .state(UNTOUCHED)
                .next("the same command with --kubeconfig FILE, a file of its own, and KUBECONFIG naming both"),
            EditError::Unwritable { written, .. } if written.is_empty() => {
                of(Kind::Failed).state(UNTOUCHED)
            }
            EditError::Unwritable { written, .. } => {
                let written: Vec<_> = written.iter().map(|file| file.display().to_string()).collect();
                of(Kind::Partial)
                    .state(format!("{} is written", written.join(", ")))
                    .next(again)
            }
        }
    }
}
