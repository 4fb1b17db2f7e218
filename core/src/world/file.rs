use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::report::{Failure, Kind};

/// A file that could not be read, with its path: the bare error of the operating system has none.
#[derive(Debug, Error)]
#[error("cannot read {}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::new(Kind::Usage, error.to_string()).caused_by(&error.source)
    }
}

/// A file that could not be written.
#[derive(Debug, Error)]
#[error("cannot write {}", path.display())]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: io::Error,
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Self::new(Kind::Failed, error.to_string()).caused_by(&error.source)
    }
}

/// Writes a file that is there whole or not at all, with the folders above it; others may read
/// neither. What another process wrote there at the same moment is replaced, or replaces this.
///
/// # Errors
/// [`WriteError`], with the path.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    write_beside(path, content, None)
}

/// As [`write_whole`], for a file that is the user's own: one that is there keeps its mode and its
/// owner, and where the path is a symbolic link, what it points at is replaced, not the link.
///
/// # Errors
/// [`WriteError`], with the path.
pub fn replace_whole(path: &Path, content: &[u8]) -> Result<(), WriteError> {
    let target = real_path(path);
    let before = fs::metadata(&target).ok();
    write_beside(&target, content, before.as_ref())
}

/// Removes a file; one that is not there is removed already.
///
/// # Errors
/// [`WriteError`], with the path.
pub fn remove_file(path: &Path) -> Result<(), WriteError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(WriteError {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// The path without links and dots, where it is there; the last link's aim, where that is missing.
pub fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path)
        .or_else(|_| {
            let aim = fs::read_link(path)?;
            Ok::<_, io::Error>(path.parent().unwrap_or(Path::new("")).join(aim))
        })
        .unwrap_or_else(|_| path.to_owned())
}

/// Whether there is something at that path; a link to nothing is nothing.
pub fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

pub(super) fn make_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write_beside(
    path: &Path,
    content: &[u8],
    before: Option<&fs::Metadata>,
) -> Result<(), WriteError> {
    let failed = |source| WriteError {
        path: path.to_owned(),
        source,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folders(folder).map_err(failed)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let unfinished = folder.join(name);
    let mut options = fs::OpenOptions::new();
    // Never a file, or a link, that somebody else has put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(&unfinished).or_else(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        // Left by a process of the same number that was killed.
        fs::remove_file(&unfinished)?;
        options.open(&unfinished)
    });
    let written = opened.and_then(|mut file| {
        file.write_all(content)?;
        if let Some(before) = before {
            keep(&file, before)?;
        }
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    written.map_err(|source| {
        // The error of the write is the one to tell; what is left is a file of no use.
        let _ = fs::remove_file(&unfinished);
        failed(source)
    })
}

/// Gives a new file the mode and the owner of the one it takes the place of.
fn keep(file: &fs::File, before: &fs::Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let now = file.metadata()?;
        if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
            fchown(file, Some(before.uid()), Some(before.gid()))?;
        }
    }
    file.set_permissions(before.permissions())
}

/// The longest file that is read whole, in bytes: the longest honest ones, kubeconfigs of hundreds of
/// clusters and bundles of authorities, have some MB. A device has no end.
const LONGEST: u64 = 16 << 20;

/// Reads a whole file; where it is a pipe, until whoever writes it has ended.
///
/// # Errors
/// [`FileError`], with the path; more than 16 MiB are one too.
pub fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    read_at_most(path, LONGEST).map_err(|source| FileError {
        path: path.to_owned(),
        source,
    })
}

/// Reads a whole file as UTF-8.
///
/// # Errors
/// As [`read_file`]; text that is not UTF-8 is one too.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    String::from_utf8(read_file(path)?).map_err(|error| FileError {
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()),
    })
}

fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    let file = fs::File::open(path)?;
    file.take(limit + 1).read_to_end(&mut content)?;
    match content.len() as u64 > limit {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_is_not_read_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long");
        fs::write(&path, [b'x'; 11]).unwrap();
        let refused = read_at_most(&path, 10).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_at_most(&path, 11).unwrap().len(), 11);
        #[cfg(target_os = "linux")]
        assert!(read_file(Path::new("/dev/zero")).is_err());
    }

    #[test]
    fn text_is_utf_8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        fs::write(&path, "é").unwrap();
        assert_eq!(read_text(&path).unwrap(), "é");
        fs::write(&path, b"\xff").unwrap();
        let error = read_text(&path).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidData);
    }
}
