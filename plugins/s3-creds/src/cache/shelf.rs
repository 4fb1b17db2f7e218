use std::time::Duration;

use datalab_core::{
    report::Failure,
    store::{Folder, Lock, LockError, Sealer},
    world::World,
};
use jiff::Timestamp;

use super::{Entry, Key, failed::Failed};

/// As long as an exchange with a server that is not ready takes, and then some.
const PATIENCE: Duration = Duration::from_secs(150);

/// Making a key in a keyring that does not answer is given up after this time.
const KEY_PATIENCE: Duration = Duration::from_secs(8);

/// The files of one entry, in a folder of its own: what one process has not finished writing is
/// swept away by the next that has the lock.
const ENTRY: &str = "keys.json";
const LOCK: &str = "lock";
const FAILED: &str = "failed.json";

/// The folder of all keys that are kept.
#[derive(Debug)]
pub(crate) struct Shelf<'w> {
    folder: Folder,
    world: &'w World,
}

/// The place of the keys for one question, while nobody else fills it.
#[derive(Debug)]
pub(crate) struct Slot<'s> {
    folder: Folder,
    world: &'s World,
    _lock: Lock,
}

/// Whether a folder is an entry's: its name is a digest.
fn is_entry(name: &str) -> bool {
    name.len() == Key::NAME_LENGTH && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What came of waiting for a slot.
#[derive(Debug)]
pub(crate) enum Turn<'s> {
    Mine(Slot<'s>),
    /// Nothing can be kept: the disk is full, or may only be read.
    Unusable(Failure),
}

impl<'w> Shelf<'w> {
    pub(crate) fn new(folder: Folder, world: &'w World) -> Self {
        Self { folder, world }
    }

    /// The folder, for what seals entries.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The keys for this question, good or not; what cannot be read is had again.
    pub(crate) fn read(&self, key: &Key) -> Option<Entry> {
        self.read_named(&key.file_name())
            .filter(|entry| entry.key == *key)
    }

    fn read_named(&self, name: &str) -> Option<Entry> {
        let folder = self.folder.folder(name).ok()??;
        Entry::parse(&folder.read(ENTRY).ok()??)
    }

    /// All that are kept.
    pub(crate) fn all(&self) -> Result<Vec<Entry>, Failure> {
        let names = self.folder.names()?;
        Ok(names
            .iter()
            .filter_map(|name| self.read_named(name))
            .collect())
    }

    /// Takes away the keys for which this holds, and what is no entry of this version; returns how
    /// many. Folders and locks stay, since removing a lock that somebody waits for makes two of it.
    pub(crate) fn clear(&self, which: impl Fn(&Entry) -> bool) -> Result<usize, Failure> {
        let mut removed = 0;
        for name in self.folder.names()?.iter().filter(|name| is_entry(name)) {
            let Ok(Some(folder)) = self.folder.folder(name) else {
                continue;
            };
            // What was not finished has secrets too, and nobody says whose. A process that is about to
            // finish it finds that its keys are not kept, which is what a logout is for.
            folder.sweep()?;
            let Some(content) = folder.read(ENTRY)? else {
                continue;
            };
            if Entry::parse(&content).is_none_or(|entry| which(&entry)) {
                folder.remove(ENTRY)?;
                folder.remove(FAILED)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The place for the keys, once nobody else fills it. Who waited for a process that was refused
    /// is told the same.
    pub(crate) async fn slot(&self, key: &Key, began: Timestamp) -> Result<Turn<'_>, Failure> {
        let opened = async {
            let folder = self.folder.make_folder(&key.file_name())?;
            let lock = folder.lock(LOCK, PATIENCE, |_| {}).await?;
            folder.sweep()?;
            Ok::<_, LockError>((folder, lock))
        };
        let (folder, lock) = match opened.await {
            Ok(opened) => opened,
            Err(LockError::Unusable(error)) => return Ok(Turn::Unusable(error.into())),
            Err(held) => return Err(held.into()),
        };
        let slot = Slot {
            folder,
            world: self.world,
            _lock: lock,
        };
        let failed = slot.folder.read(FAILED).ok().flatten();
        let failed = failed.and_then(|content| serde_json::from_slice::<Failed>(&content).ok());
        match failed {
            // Not one of a clock that was ahead.
            Some(failed) if (began..=self.world.now()).contains(&failed.at) => {
                Err(failed.into_failure())
            }
            _ => Ok(Turn::Mine(slot)),
        }
    }

    /// What seals entries.
    pub(crate) async fn sealer(&self) -> Result<Sealer, Failure> {
        let lock = self.folder.lock("key.lock", KEY_PATIENCE, |_| {});
        let _one_at_a_time = lock.await?;
        Ok(Sealer::for_new(&self.folder, self.world)?)
    }
}

impl Slot<'_> {
    /// Where the keys lie, or would.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(ENTRY)
    }

    /// Keeps keys.
    pub(crate) fn fill(&self, entry: &Entry) -> Result<(), Failure> {
        let _ = self.folder.remove(FAILED);
        Ok(self.folder.write(ENTRY, &entry.to_bytes(), self.world)?)
    }

    /// Leaves word of a refusal for those who wait. Without it they see for themselves.
    pub(crate) fn refuse(&self, failure: &Failure) {
        let failed = Failed::new(failure, self.world.now());
        let text = serde_json::json!(failed).to_string();
        let _ = self.folder.write(FAILED, text.as_bytes(), self.world);
    }
}
