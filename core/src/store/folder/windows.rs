//! Without Unix' owners and modes: a user's profile is nobody else's, and what lies in it inherits
//! that. Compiled, and not tested by us.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use super::{LONGEST, unfinished};
use crate::{store::Error, world::World};

/// A folder in the user's profile.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

/// A file that is begun: its room on the disk is taken.
#[derive(Debug)]
pub struct Reserved<'a> {
    folder: &'a Folder,
    name: String,
    unfinished: Option<String>,
    /// Closed before the file is given its name, which Windows wants.
    file: Option<File>,
}

impl Folder {
    /// Opens a folder, which is made if it is missing, with those above it.
    ///
    /// # Errors
    /// [`Error`]: it cannot be made, or is a link.
    pub fn open_or_make(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|source| Error::io("make", path, source))?;
        match Self::open(path)? {
            Some(folder) => Ok(folder),
            None => Err(Error::io("open", path, io::ErrorKind::NotFound)),
        }
    }

    /// Opens a folder; `None` when there is none.
    ///
    /// # Errors
    /// [`Error`]: it cannot be opened, or is a link.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        let path = path.to_owned();
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Self { path })),
            Ok(_) => Err(Error::Unsafe {
                path,
                reason: "it is not a folder, or a symbolic link to one",
            }),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("open", path, source)),
        }
    }

    /// A folder in this one, which is made if it is missing.
    ///
    /// # Errors
    /// As [`open_or_make`](Self::open_or_make).
    pub fn make_folder(&self, name: &str) -> Result<Self, Error> {
        Self::open_or_make(&self.path.join(name))
    }

    /// A folder in this one; `None` when there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn folder(&self, name: &str) -> Result<Option<Self>, Error> {
        Self::open(&self.path.join(name))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    /// [`Error`]: it is not a plain file, or too long.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => {
                let reason = "it is not a plain file";
                return Err(Error::Unsafe { path, reason });
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io("read", path, source)),
        }
        let mut content = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut content))
            .map_err(|source| Error::io("read", &path, source))?;
        match content.len() as u64 > LONGEST {
            true => Err(Error::TooLong {
                path,
                limit: LONGEST,
            }),
            false => Ok(Some(content)),
        }
    }

    /// Begins a file of about this length: its room on the disk is taken.
    ///
    /// # Errors
    /// [`Error`]; what was there before is there still.
    pub fn reserve(&self, name: &str, length: usize, world: &World) -> Result<Reserved<'_>, Error> {
        let path = self.path.join(name);
        let unfinished = unfinished(name, &path, world)?;
        let failed = |source| Error::io("write", &path, source);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.path.join(&unfinished))
            .map_err(failed)?;
        if length > 0 {
            file.write_all(&vec![0; length])
                .and_then(|()| file.sync_all())
                .and_then(|()| file.rewind())
                .map_err(failed)?;
        }
        Ok(Reserved {
            folder: self,
            name: name.to_owned(),
            unfinished: Some(unfinished),
            file: Some(file),
        })
    }

    /// Removes a file; one that is not there is removed already.
    ///
    /// # Errors
    /// [`Error`]: it is there still.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, source))
            }
            _ => Ok(()),
        }
    }

    /// Removes an empty folder in this one.
    ///
    /// # Errors
    /// [`Error`]: it is there still, because it is not empty, say.
    pub fn remove_folder(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_dir(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, source))
            }
            _ => Ok(()),
        }
    }

    /// The names in it, also of files that are being written.
    pub(super) fn all_names(&self) -> Result<Vec<String>, Error> {
        let failed = |source| Error::io("read", &self.path, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Opens a file to lock it, which is made if it is missing.
    pub(in crate::store) fn lock_file(&self, name: &str) -> Result<File, Error> {
        let path = self.path.join(name);
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| Error::io("lock", path, source))
    }
}

impl Reserved<'_> {
    /// Finishes the file, and puts it where the name says.
    ///
    /// # Errors
    /// [`Error`]; what was there before is there still.
    pub fn commit(mut self, content: &[u8]) -> Result<(), Error> {
        let path = self.folder.path.join(&self.name);
        self.finish(content)
            .map_err(|source| Error::io("write", path, source))
    }

    fn finish(&mut self, content: &[u8]) -> io::Result<()> {
        if let Some(mut file) = self.file.take() {
            file.write_all(content)?;
            file.set_len(content.len() as u64)?;
            file.sync_all()?;
        }
        if let Some(unfinished) = &self.unfinished {
            let folder = &self.folder.path;
            fs::rename(folder.join(unfinished), folder.join(&self.name))?;
            self.unfinished = None;
        }
        Ok(())
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.file = None;
        if let Some(unfinished) = &self.unfinished {
            // A file of no use; the next sweep finds it otherwise.
            let _ = self.folder.remove(unfinished);
        }
    }
}
