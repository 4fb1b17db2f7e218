//! A configuration file of another program, or of a person: ours is only a part of what is in it,
//! and others write it whenever they like, without asking for a lock of ours.

mod placing;
mod reading;
mod split;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use self::{
    placing::{Displaced, Unfinished},
    reading::{Lock, Read, read_once},
    split::Split,
};
use super::Error;
use crate::{
    report::{Failure, Kind, quoted_if_needed},
    world::{World, is_there, real_path},
};

/// For how long a file is left alone before it is read: programs that write in place cut it first,
/// and fill it again within milliseconds.
const QUIET: Duration = Duration::from_millis(50);

/// The same for a file with nothing in it, which few want and most cut on the way to something.
const QUIET_EMPTY: Duration = Duration::from_millis(500);

/// For how long it is watched afterwards whether somebody writes into the file that was there: who
/// opened it before has written by then, also on a busy machine.
const AFTERWARDS: Duration = Duration::from_millis(150);

/// How long an edit waits for a file that others write all the time.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is added to a file's name for what it was before the first edit.
const BACKUP: &str = ".before-kubectl-datalab";

/// A file that others write too.
///
/// An edit is made from what is there and put in its place only if that is still there; otherwise
/// it is made again from what is there now. So nobody's change is lost, but for one: a program
/// that read the file before the edit and writes it after undoes the edit, as it would undo a
/// person's.
///
/// The file is written whole or not at all, readable for its owner only. A symbolic link stays one:
/// what it leads to is written.
#[derive(Clone, Debug)]
pub struct ForeignFile {
    path: PathBuf,
}

/// What should become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// It has this content. What it was is kept beside it, unless an earlier edit has done so.
    Write(Vec<u8>),
    /// The same for a file that has had edits of ours before, and is not kept as it is now.
    Update(Vec<u8>),
    /// It is not there.
    Remove,
}

/// What has become of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is as it was.
    Unchanged,
    /// There was none.
    Made,
    /// It has other content.
    Rewritten,
    /// There is none any more.
    Removed,
}

/// What an edit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The file itself, where the path was a link.
    pub file: PathBuf,
    /// What has become of it.
    pub effect: Effect,
    /// What it was before our first edit, where it was there.
    pub backup: Option<PathBuf>,
}

impl ForeignFile {
    /// The file of that path, there or not.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path as a word of a command that is pasted.
    pub fn word(&self) -> String {
        word(&self.path)
    }

    /// Its content, while nobody writes it; `None` where there is no such file.
    ///
    /// # Errors
    /// [`Failure`]: it cannot be read, is no plain file, or never comes to rest.
    pub fn read(&self, world: &World) -> Result<Option<Vec<u8>>, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let read = self.read_at_rest(&real_path(&self.path), deadline, world)?;
        Ok(read.map(|read| read.content))
    }

    /// What it was before our first edit; `None` where there was no file, or no edit.
    ///
    /// # Errors
    /// [`Failure`]: it is there and cannot be read.
    pub fn read_backup(&self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(read_once(&backup(&real_path(&self.path)))?.map(|read| read.content))
    }

    /// Changes the file to what `edit` makes of its content, which is `None` where there is no
    /// file. `edit` is asked again when the file has changed in the meantime.
    ///
    /// # Errors
    /// [`Failure`]: what `edit` says, or the file cannot be read or written, and is as it was.
    pub fn edit(
        &self,
        world: &World,
        mut edit: impl FnMut(Option<&[u8]>) -> Result<Change, Failure>,
    ) -> Result<Edited, Failure> {
        let file = real_path(&self.path);
        let deadline = Instant::now() + PATIENCE;
        let mut lock = None;
        loop {
            let before = self.read_at_rest(&file, deadline, world)?;
            let content = before.as_ref().map(|before| &*before.content);
            let wanted = match (edit(content)?, content) {
                (Change::Keep, _) | (Change::Remove, None) => None,
                (Change::Write(wanted) | Change::Update(wanted), Some(content))
                    if wanted == content =>
                {
                    None
                }
                (Change::Write(wanted), _) => Some((Some(wanted), true)),
                (Change::Update(wanted), _) => Some((Some(wanted), false)),
                (Change::Remove, Some(_)) => Some((None, false)),
            };
            let Some((wanted, is_first)) = wanted else {
                return Ok(edited(file, Effect::Unchanged));
            };
            // After the first look, since a file that stays as it is needs no folder.
            if lock.is_none() {
                lock = Some(Lock::take(&file, deadline)?);
                continue;
            }
            let old = before.as_ref();
            let placed = self.replace(&file, old, wanted.as_deref(), is_first, world);
            let effect = match (&before, &wanted) {
                (None, _) => Effect::Made,
                (_, Some(_)) => Effect::Rewritten,
                (_, None) => Effect::Removed,
            };
            match placed.map_err(|error| untouched(error.into()))? {
                Displaced::AsExpected => {}
                Displaced::Changed if Instant::now() < deadline => continue,
                Displaced::Changed => return Err(self.restless()),
                Displaced::Written(theirs) => {
                    let (Some(before), Some(made)) = (before, wanted) else {
                        continue;
                    };
                    let split = Split {
                        from: before.content.clone(),
                        displaced: before.content,
                        made,
                        theirs,
                    };
                    self.unite(&file, split, deadline, world, &mut edit)?;
                }
            }
            forget_backup(&file);
            return Ok(edited(file, effect));
        }
    }

    fn replace(
        &self,
        file: &Path,
        before: Option<&Read>,
        wanted: Option<&[u8]>,
        is_first: bool,
        world: &World,
    ) -> Result<Displaced, Error> {
        let Some(wanted) = wanted else {
            return match before {
                Some(before) => placing::take_away(file, &before.content, AFTERWARDS, world),
                None => Ok(Displaced::AsExpected),
            };
        };
        let Some(before) = before else {
            return Unfinished::write(file, wanted, None, world)?.place_new(file);
        };
        let kept = backup(file);
        if is_first && !is_there(&kept) {
            let copy = Unfinished::write(&kept, &before.content, Some(&before.metadata), world)?;
            // One that came to be in the meantime is older, and the one to keep.
            copy.place_new(&kept)?;
        }
        let unfinished = Unfinished::write(file, wanted, Some(&before.metadata), world)?;
        unfinished.place_over(file, &before.content, AFTERWARDS)
    }

    /// Reads the file when nobody has written it for a moment.
    fn read_at_rest(
        &self,
        file: &Path,
        deadline: Instant,
        world: &World,
    ) -> Result<Option<Read>, Failure> {
        loop {
            let Some(read) = read_once(file).map_err(|error| untouched(error.into()))? else {
                return Ok(None);
            };
            let age = read
                .metadata
                .modified()
                .ok()
                .and_then(|written| SystemTime::from(world.now()).duration_since(written).ok());
            let quiet = match read.content.is_empty() {
                true => QUIET_EMPTY,
                false => QUIET,
            };
            // A time in the future says nothing about when it was written.
            match age {
                Some(age) if age < quiet => thread::sleep(QUIET.min(quiet - age)),
                _ => return Ok(Some(read)),
            }
            if Instant::now() >= deadline {
                return Err(self.restless());
            }
        }
    }

    fn restless(&self) -> Failure {
        untouched(Failure::new(
            Kind::Conflict,
            format!("{} is being written all the time", self.path.display()),
        ))
    }
}

fn edited(file: PathBuf, effect: Effect) -> Edited {
    let backup = Some(backup(&file)).filter(|backup| is_there(backup));
    Edited {
        file,
        effect,
        backup,
    }
}

fn backup(file: &Path) -> PathBuf {
    beside(file, BACKUP)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn word(path: &Path) -> String {
    quoted_if_needed(&path.to_string_lossy())
}

/// A backup of what is there again is of no use, and the next edit makes one of what is then there.
fn forget_backup(file: &Path) {
    let kept = backup(file);
    if let (Ok(Some(now)), Ok(Some(then))) = (read_once(file), read_once(&kept))
        && now.content == then.content
    {
        // One that stays is older than it need be, no more.
        let _ = fs::remove_file(kept);
    }
}

fn untouched(failure: Failure) -> Failure {
    failure.state("nothing was changed")
}
