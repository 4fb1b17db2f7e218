use std::{
    fs, io,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use thiserror::Error;

/// How often a taken lock is looked at again: kubectl holds one for a few milliseconds.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The most that is read of what a holder wrote about itself, in bytes.
const HOLDER_MAX: u64 = 200;

/// A lock that is held as long as a file of that name is there, as kubectl does it beside a
/// kubeconfig: whoever can make the file holds the lock. Nothing but the holder removes it, so one
/// that was killed leaves it behind.
#[derive(Debug)]
pub struct LockFile(PathBuf);

/// Why a lock was not taken.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LockFileError {
    /// Somebody else holds it, or was killed while holding it.
    #[error("{} has been there for {}{}", path.display(), seconds(*age), by(holder))]
    Held {
        /// The lock.
        path: PathBuf,
        /// For how long it has been held; `None` where the file system does not say.
        age: Option<Duration>,
        /// What the holder wrote about itself; kubectl writes nothing.
        holder: Option<String>,
    },
    /// The file cannot be made.
    #[error("cannot make {}", path.display())]
    Unwritable {
        /// The lock.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

fn seconds(age: Option<Duration>) -> String {
    age.map_or_else(
        || "some time".to_owned(),
        |age| format!("{} s", age.as_secs()),
    )
}

fn by(holder: &Option<String>) -> String {
    holder
        .as_ref()
        .map(|holder| format!(", made by {holder}"))
        .unwrap_or_default()
}

impl LockFile {
    /// Makes the file, with the folders above it, and waits as long as somebody else has it.
    ///
    /// # Errors
    /// [`LockFileError`]: it is still held after `patience`, or cannot be made.
    pub fn take(path: &Path, patience: Duration) -> Result<Self, LockFileError> {
        let unwritable = |source| LockFileError::Unwritable {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            super::file::make_folders(folder).map_err(unwritable)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let deadline = Instant::now() + patience;
        loop {
            match options.open(path) {
                Ok(mut file) => {
                    // For whoever finds it left behind; the lock holds without it.
                    let _ = write!(file, "kubectl-datalab, process {}", std::process::id());
                    return Ok(Self(path.to_owned()));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if Instant::now() >= deadline {
                        return Err(held(path));
                    }
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(source) => return Err(unwritable(source)),
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // The next one to want it says so, with the path.
        let _ = fs::remove_file(&self.0);
    }
}

fn held(path: &Path) -> LockFileError {
    let age = fs::symlink_metadata(path)
        .and_then(|about| about.modified())
        .ok()
        .and_then(|made| SystemTime::now().duration_since(made).ok());
    let mut holder = String::new();
    // Nobody may read what kubectl makes.
    let holder = fs::File::open(path)
        .and_then(|file| file.take(HOLDER_MAX).read_to_string(&mut holder))
        .ok()
        .filter(|&read| read > 0)
        .map(|_| holder);
    LockFileError::Held {
        path: path.to_owned(),
        age,
        holder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/for/it.lock");
        let first = LockFile::take(&path, Duration::ZERO).unwrap();
        let refused = LockFile::take(&path, Duration::from_millis(30)).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.ends_with(&format!(
                "it.lock has been there for 0 s, made by kubectl-datalab, process {}",
                std::process::id()
            )),
            "{text}"
        );
        drop(first);
        assert!(!path.exists());
        LockFile::take(&path, Duration::ZERO).unwrap();
    }

    #[test]
    fn waits_for_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = LockFile::take(&path, Duration::ZERO).unwrap();
        let next =
            std::thread::spawn(move || LockFile::take(&path, Duration::from_secs(60)).map(drop));
        drop(first);
        next.join().unwrap().unwrap();
    }

    #[test]
    fn one_of_kubectls_says_nothing_of_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "").unwrap();
        let refused = LockFile::take(&path, Duration::ZERO)
            .unwrap_err()
            .to_string();
        assert!(refused.ends_with("has been there for 0 s"), "{refused}");
    }
}
