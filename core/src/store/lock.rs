use std::{
    fs::{File, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::{Error, Folder};
use crate::report::{Failure, Kind};

/// How long after each other a waiting process looks at the lock: a refresh takes about 20 ms.
const LOOK: Duration = Duration::from_millis(10);

/// The longest pid and its newline.
const PID_DIGITS: u64 = 16;

/// One process at a time. The operating system lets go of it when the process ends, however that
/// happens; dropping it does too.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who holds a lock that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The pid, where the holder has written it down.
    pub holder: Option<u32>,
}

/// A lock that was not had.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{} is held by {}", path.display(), holder(*.by))]
    Held {
        /// The file.
        path: PathBuf,
        /// The holder.
        by: Waiting,
    },
    /// It cannot be used at all.
    #[error(transparent)]
    Unusable(#[from] Error),
}

fn holder(by: Waiting) -> String {
    match by.holder {
        Some(pid) => format!("process {pid}"),
        None => "another process".to_owned(),
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { .. } => Self::new(Kind::Conflict, error.to_string()),
            LockError::Unusable(error) => error.into(),
        }
    }
}

impl Folder {
    /// Takes a lock if nobody holds it.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn try_lock(&self, name: &str) -> Result<Lock, LockError> {
        let mut file = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => {
                // Only for those who wait: a holder without a number is a holder too.
                let pid = format!("{}\n", std::process::id());
                let _ = file
                    .rewind()
                    .and_then(|()| file.write_all(pid.as_bytes()))
                    .and_then(|()| file.set_len(pid.len() as u64));
                Ok(Lock { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(LockError::Held {
                path: self.path().join(name),
                by: Waiting {
                    holder: pid(&mut file),
                },
            }),
            Err(TryLockError::Error(source)) => {
                Err(Error::io("lock", self.path().join(name), source).into())
            }
        }
    }

    /// Takes a lock, waiting for whoever holds it; `waiting` is told of each look in vain.
    ///
    /// # Errors
    /// [`LockError`]: the limit has passed, or the lock cannot be used.
    pub async fn lock(
        &self,
        name: &str,
        limit: Duration,
        mut waiting: impl FnMut(Waiting),
    ) -> Result<Lock, LockError> {
        let deadline = Instant::now() + limit;
        loop {
            match self.try_lock(name) {
                Err(LockError::Held { by, .. }) if Instant::now() < deadline => waiting(by),
                other => return other,
            }
            sleep(LOOK).await;
        }
    }
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(PID_DIGITS).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_the_others_know_who() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open_or_make(&place.path().join("a")).unwrap();
        let first = folder.try_lock("lock").unwrap();
        let mut looks = 0;
        let limit = Duration::from_millis(50);
        let second = folder
            .lock("lock", limit, |waiting| {
                assert_eq!(waiting.holder, Some(std::process::id()));
                looks += 1;
            })
            .await;
        assert!(matches!(second, Err(LockError::Held { .. })) && looks > 0);
        drop(first);
        assert!(folder.lock("lock", limit, |_| {}).await.is_ok());
    }
}
