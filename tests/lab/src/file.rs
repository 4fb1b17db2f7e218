//! A file that could not be used, with its path: the bare error of the operating system has none.

use std::io;
use std::path::{Path, PathBuf};

/// A file, a folder or a program that could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct FileError {
    /// What was tried: `read`, `write`, `start`.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

/// Names a file in the error of what was tried with it: `fs::read(path).map_err(fail("read", path))`.
pub(crate) fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError {
        action,
        path,
        source,
    }
}
