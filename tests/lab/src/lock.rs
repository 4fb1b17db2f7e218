//! A lock file: held by an open file, so that it ends with its holder, however that one ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What went wrong with a lock file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} lock file {}", path.display())]
pub struct Error {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// A lock that is held; dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Waits until the lock is ours. `waiting` is called once if somebody else holds it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub(crate) fn acquire(path: &Path, waiting: impl FnOnce()) -> Result<Self, Error> {
        Self::take(path, waiting, File::try_lock, File::lock)
    }

    /// Waits until nobody has [acquired](Self::acquire) the lock; any number may share it.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub(crate) fn share(path: &Path) -> Result<Self, Error> {
        Self::take(path, || {}, File::try_lock_shared, File::lock_shared)
    }

    fn take(
        path: &Path,
        waiting: impl FnOnce(),
        try_lock: impl Fn(&File) -> Result<(), TryLockError>,
        lock: impl Fn(&File) -> std::io::Result<()>,
    ) -> Result<Self, Error> {
        let fail = |action| {
            let path = path.to_owned();
            move |source| Error {
                action,
                path,
                source,
            }
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(fail("create the directory of"))?;
        }
        let mut waiting = Some(waiting);
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(fail("open"))?;
            match try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    lock(&file).map_err(fail("lock"))?;
                }
                Err(TryLockError::Error(source)) => return Err(fail("lock")(source)),
            }
            // The holder before us may have removed the file: then a newer one counts.
            let held = file.metadata().map_err(fail("read"))?;
            let current = fs::metadata(path);
            if current.is_ok_and(|current| current.ino() == held.ino()) {
                return Ok(Self {
                    path: path.to_owned(),
                    file,
                });
            }
        }
    }

    /// Removes the file and then lets go, so that nothing is left behind.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(crate) fn remove(self) -> Result<(), Error> {
        let Self { path, file } = self;
        let removed = fs::remove_file(&path);
        drop(file);
        removed.map_err(|source| Error {
            action: "remove",
            path,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn many_share_what_one_waits_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.lock");
        let shared = [(); 2].map(|()| Lock::share(&path).unwrap());
        let (told, hears) = mpsc::channel();
        let alone = thread::spawn({
            let path = path.clone();
            move || {
                let waiting = told.clone();
                let lock = Lock::acquire(&path, || waiting.send("waits").unwrap()).unwrap();
                told.send("holds").unwrap();
                drop(lock);
            }
        });
        assert_eq!(hears.recv().unwrap(), "waits");
        assert!(hears.try_recv().is_err());
        drop(shared);
        assert_eq!(hears.recv().unwrap(), "holds");
        alone.join().unwrap();
        drop(Lock::share(&path).unwrap());
    }

    #[test]
    fn the_second_waits_even_when_the_first_removes_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.lock");
        let first = Lock::acquire(&path, || {}).unwrap();
        let (told, hears) = mpsc::channel();
        let second = thread::spawn({
            let path = path.clone();
            move || {
                let waiting = told.clone();
                let lock = Lock::acquire(&path, || waiting.send("waits").unwrap()).unwrap();
                told.send("holds").unwrap();
                lock.remove().unwrap();
            }
        });
        assert_eq!(hears.recv().unwrap(), "waits");
        assert!(hears.try_recv().is_err());
        first.remove().unwrap();
        assert_eq!(hears.recv().unwrap(), "holds");
        second.join().unwrap();
        assert!(!path.exists());
    }
}
