use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::fs::{DirBuilderExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
};

use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{OFlag, openat, renameat},
    sys::stat::{Mode, mkdirat},
    unistd::{UnlinkatFlags, geteuid, unlinkat},
};

use super::{LONGEST, unfinished};
use crate::{
    store::{Error, error::OPEN_TO_OTHERS},
    world::World,
};

/// What others may do with a file or folder of ours: nothing.
const OTHERS: u32 = 0o077;

/// A folder whose files only this user can read and write.
///
/// It is opened once, and files are opened in what was opened, so that nobody can exchange it in
/// between; neither it nor a file in it may be a symbolic link.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    handle: OwnedFd,
}

/// A file that is begun: its room on the disk is taken.
#[derive(Debug)]
pub struct Reserved<'a> {
    folder: &'a Folder,
    name: String,
    unfinished: Option<String>,
    file: File,
}

impl Folder {
    /// Opens a folder, which is made if it is missing, with those above it.
    ///
    /// # Errors
    /// [`Error`]: it cannot be made, or is not ours alone.
    pub fn open_or_make(path: &Path) -> Result<Self, Error> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| Error::io("make", path, source))?;
        match Self::open(path)? {
            Some(folder) => Ok(folder),
            None => Err(Error::io("open", path, io::ErrorKind::NotFound)),
        }
    }

    /// Opens a folder; `None` when there is none.
    ///
    /// # Errors
    /// [`Error`]: it cannot be opened, or is not ours alone.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        let handle = nix::fcntl::open(path, FOLDER, Mode::empty());
        Self::checked(path.to_owned(), handle)
    }

    /// A folder in this one, which is made if it is missing.
    ///
    /// # Errors
    /// As [`open_or_make`](Self::open_or_make).
    pub fn make_folder(&self, name: &str) -> Result<Self, Error> {
        let path = self.path.join(name);
        match mkdirat(&self.handle, name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(Error::io("make", path, errno)),
        }
        match self.folder(name)? {
            Some(folder) => Ok(folder),
            None => Err(Error::io("open", path, io::ErrorKind::NotFound)),
        }
    }

    /// A folder in this one; `None` when there is none.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn folder(&self, name: &str) -> Result<Option<Self>, Error> {
        let handle = openat(&self.handle, name, FOLDER, Mode::empty());
        Self::checked(self.path.join(name), handle)
    }

    fn checked(path: PathBuf, handle: nix::Result<OwnedFd>) -> Result<Option<Self>, Error> {
        let handle = match handle {
            Ok(handle) => handle,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::ENOTDIR) => {
                let reason = "it is not a folder, or a symbolic link to one";
                return Err(Error::Unsafe { path, reason });
            }
            Err(errno) => return Err(Error::io("open", path, errno)),
        };
        let file = File::from(
            handle
                .try_clone()
                .map_err(|source| Error::io("open", &path, source))?,
        );
        let metadata = file
            .metadata()
            .map_err(|source| Error::io("open", &path, source))?;
        match unsafe_reason(&metadata) {
            Some(reason) => Err(Error::Unsafe { path, reason }),
            None => Ok(Some(Self { path, handle })),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    /// [`Error`]: it is not a plain file of ours that only we can read, or too long.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(name);
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP) => {
                let reason = "it is a symbolic link";
                return Err(Error::Unsafe { path, reason });
            }
            Err(errno) => return Err(Error::io("read", path, errno)),
        };
        let failed = |source| Error::io("read", &path, source);
        let metadata = file.metadata().map_err(failed)?;
        let plain = match metadata.is_file() {
            true if metadata.nlink() > 1 => Some("it has a second name (a hard link)"),
            true => unsafe_reason(&metadata),
            false => Some("it is not a plain file"),
        };
        if let Some(reason) = plain {
            return Err(Error::Unsafe { path, reason });
        }
        let mut content = Vec::new();
        file.take(LONGEST + 1)
            .read_to_end(&mut content)
            .map_err(failed)?;
        if content.len() as u64 > LONGEST {
            return Err(Error::TooLong {
                path,
                limit: LONGEST,
            });
        }
        Ok(Some(content))
    }

    /// Begins a file of about this length: its room on the disk is taken, so that a full disk is
    /// known before there is something to lose.
    ///
    /// # Errors
    /// [`Error`]; what was there before is there still.
    pub fn reserve(&self, name: &str, length: usize, world: &World) -> Result<Reserved<'_>, Error> {
        let path = self.path.join(name);
        let unfinished = unfinished(name, &path, world)?;
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = openat(&self.handle, unfinished.as_str(), flags, mode)
            .map_err(|errno| Error::io("write", &path, errno))?;
        let mut reserved = Reserved {
            folder: self,
            name: name.to_owned(),
            unfinished: Some(unfinished),
            file: File::from(file),
        };
        if length > 0 {
            // Zeros rather than a hole, which takes no room.
            let filled = reserved
                .file
                .write_all(&vec![0; length])
                .and_then(|()| reserved.file.sync_all())
                .and_then(|()| reserved.file.rewind());
            filled.map_err(|source| Error::io("write", path, source))?;
        }
        Ok(reserved)
    }

    /// Removes a file; one that is not there is removed already.
    ///
    /// # Errors
    /// [`Error`]: it is there still.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        match unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Error::io("remove", self.path.join(name), errno)),
        }
    }

    /// Removes an empty folder in this one.
    ///
    /// # Errors
    /// [`Error`]: it is there still, because it is not empty, say.
    pub fn remove_folder(&self, name: &str) -> Result<(), Error> {
        match unlinkat(&self.handle, name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Error::io("remove", self.path.join(name), errno)),
        }
    }

    /// The names in it, also of files that are being written.
    pub(super) fn all_names(&self) -> Result<Vec<String>, Error> {
        let failed = |errno| Error::io("read", &self.path, errno);
        let handle = openat(&self.handle, ".", FOLDER, Mode::empty()).map_err(failed)?;
        let mut directory = Dir::from_fd(handle).map_err(failed)?;
        let mut names = Vec::new();
        for entry in directory.iter() {
            let entry = entry.map_err(failed)?;
            // Names that are not UTF-8 are none of ours.
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Opens a file to lock it, which is made if it is missing.
    pub(in crate::store) fn lock_file(&self, name: &str) -> Result<File, Error> {
        let flags = OFlag::O_RDWR
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        openat(&self.handle, name, flags, mode)
            .map(File::from)
            .map_err(|errno| Error::io("lock", self.path.join(name), errno))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(nix::unistd::fsync(self.handle.as_fd())?)
    }
}

const FOLDER: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_DIRECTORY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// Why a file or folder is not ours alone.
fn unsafe_reason(metadata: &fs::Metadata) -> Option<&'static str> {
    if metadata.uid() != geteuid().as_raw() {
        Some("it belongs to another user")
    } else if metadata.mode() & OTHERS != 0 {
        Some(OPEN_TO_OTHERS)
    } else {
        None
    }
}

impl Reserved<'_> {
    /// Finishes the file, and puts it where the name says.
    ///
    /// # Errors
    /// [`Error`]; what was there before is there still.
    pub fn commit(mut self, content: &[u8]) -> Result<(), Error> {
        let finished = self
            .file
            .write_all(content)
            .and_then(|()| self.file.set_len(content.len() as u64))
            .and_then(|()| self.file.sync_all())
            .and_then(|()| self.rename())
            .and_then(|()| self.folder.sync());
        finished.map_err(|source| Error::io("write", self.folder.path.join(&self.name), source))
    }

    fn rename(&mut self) -> io::Result<()> {
        if let Some(unfinished) = &self.unfinished {
            let handle = &self.folder.handle;
            renameat(handle, unfinished.as_str(), handle, self.name.as_str())?;
            self.unfinished = None;
        }
        Ok(())
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(unfinished) = &self.unfinished {
            // A file of no use; the next sweep finds it otherwise.
            let _ = self.folder.remove(unfinished);
        }
    }
}

#[cfg(test)]
mod tests;
