use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// A file that could not be read, with its path: the bare error of the operating system has none.
#[derive(Debug, Error)]
#[error("cannot read {}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

/// Reads a whole file.
///
/// # Errors
/// [`FileError`], with the path.
pub fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|source| FileError {
        path: path.to_owned(),
        source,
    })
}

/// Reads a whole file as UTF-8.
///
/// # Errors
/// [`FileError`], with the path; text that is not UTF-8 is one too.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    fs::read_to_string(path).map_err(|source| FileError {
        path: path.to_owned(),
        source,
    })
}
