//! Reading such a file, and keeping other edits of ours away meanwhile.

use std::{
    fs::{self, File},
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

pub(super) fn read_once(path: &Path) -> Result<Option<Read>, Error> {
    let failed = |source| Error::io("read", path, source);
    // Before it is opened, which would wait for the other end of a pipe.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
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
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
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
