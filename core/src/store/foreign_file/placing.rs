//! Putting a file where it belongs, only if what is there is what was expected.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::reading::holds;
use crate::{
    store::Error,
    world::{World, is_there},
};

/// What stands between a file's name and a number, while it is written.
const UNFINISHED: &str = ".kubectl-datalab-unfinished-";

/// What was in a file's place when another file was put there.
pub(super) enum Displaced {
    /// What the edit was made from; it is gone.
    AsExpected,
    /// Something else, which is there still.
    Changed,
    /// What the edit was made from; but somebody had it open, and has written into it since.
    Written(Unfinished),
}

/// A file that is written, and has no name yet that anybody knows.
pub(super) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Writes a file for that place, beside it: for its owner only, and no wider than `like`.
    pub(super) fn write(
        place: &Path,
        content: &[u8],
        like: Option<&Metadata>,
        world: &World,
    ) -> Result<Self, Error> {
        let failed = |source| Error::io("write", place, source);
        let unfinished = Self {
            path: beside(place, world).map_err(failed)?,
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished.path).map_err(failed)?;
        file.write_all(content)
            .and_then(|()| like.map_or(Ok(()), |like| keep(&file, like)))
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        Ok(unfinished)
    }

    /// Puts it there if there is nothing.
    pub(super) fn place_new(self, place: &Path) -> Result<Displaced, Error> {
        // A second name is given only where there is none of it yet; the first goes with `self`.
        match fs::hard_link(&self.path, place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(Displaced::Changed);
            }
            // A file system without hard links.
            Err(_) if !is_there(place) => {
                fs::rename(&self.path, place)
                    .map_err(|source| Error::io("write", place, source))?;
            }
            Err(_) => return Ok(Displaced::Changed),
        }
        drop(self);
        sync_folder(place)?;
        Ok(Displaced::AsExpected)
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it a name that stays.
    pub(super) fn save(self, name: &Path) -> Result<(), Error> {
        fs::rename(&self.path, name).map_err(|source| Error::io("write", name, source))
    }

    /// Puts it there if there is `expected`, and looks a moment later whether anybody who had the
    /// old file open has written into it.
    pub(super) fn place_over(
        self,
        place: &Path,
        expected: &[u8],
        moment: Duration,
    ) -> Result<Displaced, Error> {
        let failed = |source| Error::io("write", place, source);
        if !holds(place, expected).unwrap_or(false) {
            return Ok(Displaced::Changed);
        }
        match exchange(&self.path, place) {
            Ok(()) => {
                // Under its own name there is now what was in the place.
                thread::sleep(moment);
                // What cannot be looked at may be somebody's, and is not thrown away.
                if !holds(&self.path, expected).unwrap_or(false) {
                    return Ok(Displaced::Written(self));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Displaced::Changed),
            // Not on this system, or this file system: what was looked at just now has to do.
            Err(_) => fs::rename(&self.path, place).map_err(failed)?,
        }
        drop(self);
        sync_folder(place)?;
        Ok(Displaced::AsExpected)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Of no use any more; the next edit sweeps up what is left.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes a file away if it is `expected`, also a moment afterwards.
pub(super) fn take_away(
    place: &Path,
    expected: &[u8],
    moment: Duration,
    world: &World,
) -> Result<Displaced, Error> {
    let failed = |source| Error::io("remove", place, source);
    let aside = beside(place, world).map_err(failed)?;
    match fs::rename(place, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Displaced::Changed),
        Err(error) => return Err(failed(error)),
    }
    thread::sleep(moment);
    if holds(&aside, expected).unwrap_or(false) {
        fs::remove_file(&aside).map_err(failed)?;
        sync_folder(place)?;
        return Ok(Displaced::AsExpected);
    }
    // Whatever is in the place by now is newer than what was taken from it.
    let back = Unfinished { path: aside };
    back.place_new(place)?;
    Ok(Displaced::Changed)
}

/// Removes what edits of this file that were killed have left. Only for who holds the lock.
pub(super) fn sweep(place: &Path) {
    let (Some(folder), Some(name)) = (place.parent(), place.file_name()) else {
        return;
    };
    let begin = begin(name);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name
            .as_encoded_bytes()
            .starts_with(begin.as_encoded_bytes())
        {
            // It disturbs nobody, and the next edit tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The folders above a file, for their owner only where they are not there yet.
pub(super) fn make_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Why a file should not be replaced by another one.
pub(super) fn unsafe_reason(metadata: &Metadata) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let me = nix::unistd::geteuid();
        if metadata.nlink() > 1 {
            return Some("it has a second name (a hard link), which would keep the old content");
        }
        if !me.is_root() && metadata.uid() != me.as_raw() {
            return Some("it belongs to another user");
        }
    }
    let _ = metadata;
    None
}

fn begin(name: &std::ffi::OsStr) -> OsString {
    let mut begin = OsString::from(".");
    begin.push(name);
    begin.push(UNFINISHED);
    begin
}

fn beside(place: &Path, world: &World) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    world.fill_random(&mut random).map_err(io::Error::other)?;
    let mut name = begin(place.file_name().unwrap_or_default());
    name.push(format!("{:016x}", u64::from_ne_bytes(random)));
    Ok(place.with_file_name(name))
}

/// Gives a file the owner of the one it takes the place of, and its mode as far as that is nobody
/// else's business.
fn keep(file: &File, like: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
        let now = file.metadata()?;
        if now.uid() != like.uid() {
            fchown(file, Some(like.uid()), Some(like.gid()))?;
        } else if now.gid() != like.gid() {
            // Nobody but the owner may do anything with it, so the group matters little.
            let _ = fchown(file, None, Some(like.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o600))
    }
    #[cfg(not(unix))]
    {
        file.set_permissions(like.permissions())
    }
}

/// Swaps two files in one step.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?;
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has the folder's names on the disk too. Where a folder cannot be opened there is nothing to do.
#[cfg(unix)]
fn sync_folder(place: &Path) -> Result<(), Error> {
    let Some(folder) = place.parent() else {
        return Ok(());
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| Error::io("write", place, source))
}

#[cfg(not(unix))]
fn sync_folder(_place: &Path) -> Result<(), Error> {
    Ok(())
}
