//! Reading such a file, and keeping other edits of ours away meanwhile.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{placing, untouched};
use crate::{
    report::{Failure, Kind},
    store::Error,
};

/// No configuration file that a person keeps is longer.
const LONGEST: u64 = 4 << 20;

/// How often it is looked whether another edit has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A file's content, and what is known about it.
pub(super) struct Read {
    pub(super) content: Vec<u8>,
    pub(super) metadata: fs::Metadata,
}

/// Reads a file whoever writes it; `None` when there is none.
pub(super) fn read_once(path: &Path) -> Result<Option<Read>, Error> {
    let failed = |source| Error::io("read", path, source);
    let Some((file, metadata)) = open(path).map_err(failed)? else {
        return Ok(None);
    };
    let unsafe_reason = match metadata.is_file() {
        true => placing::unsafe_reason(&metadata),
        false => Some("it is not a plain file"),
    };
    if let Some(reason) = unsafe_reason {
        let path = path.to_owned();
        return Err(Error::Unsafe { path, reason });
    }
    let mut content = Vec::new();
    let read = file.take(LONGEST + 1).read_to_end(&mut content);
    read.map_err(failed)?;
    if content.len() as u64 > LONGEST {
        return Err(Error::TooLong {
            path: path.to_owned(),
            limit: LONGEST,
        });
    }
    Ok(Some(Read { content, metadata }))
}

/// Whether there is a plain file that holds exactly this. No more is read than can be the same.
pub(super) fn holds(path: &Path, expected: &[u8]) -> io::Result<bool> {
    let Some((file, metadata)) = open(path)? else {
        return Ok(false);
    };
    if !metadata.is_file() {
        return Ok(false);
    }
    let mut content = Vec::with_capacity(expected.len() + 1);
    file.take(expected.len() as u64 + 1)
        .read_to_end(&mut content)?;
    Ok(content == expected)
}

/// Opens what is there, a pipe too, without waiting for its other end; what is known of it is of what
/// was opened.
fn open(path: &Path) -> io::Result<Option<(File, fs::Metadata)>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    }
    match options.open(path) {
        Ok(file) => {
            let metadata = file.metadata()?;
            Ok(Some((file, metadata)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One edit of ours at a time in a folder. What others do is found out, not locked out.
pub(super) struct Lock {
    _folder: Option<File>,
}

impl Lock {
    pub(super) fn take(file: &Path, deadline: Instant) -> Result<Self, Failure> {
        let folder = file.parent().unwrap_or(Path::new("."));
        placing::make_folders(folder)
            .map_err(|source| untouched(Error::io("make", folder, source).into()))?;
        // Where a folder cannot be locked, an edit at the same time is found out as any other.
        let Ok(handle) = File::open(folder) else {
            return Ok(Self { _folder: None });
        };
        loop {
            match handle.try_lock() {
                Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(LOOK);
                }
                Err(fs::TryLockError::WouldBlock) => {
                    return Err(untouched(Failure::new(
                        Kind::Conflict,
                        format!("another process holds the lock of {}", folder.display()),
                    )));
                }
                Ok(()) => {
                    placing::sweep(file);
                    return Ok(Self {
                        _folder: Some(handle),
                    });
                }
                Err(fs::TryLockError::Error(_)) => return Ok(Self { _folder: None }),
            }
        }
    }
}
