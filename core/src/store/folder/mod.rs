//! A folder of ours, by the means of each operating system.

use std::{io, path::Path};

use super::Error;
use crate::world::World;

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod windows;

#[cfg(unix)]
pub use unix::{Folder, Reserved};
#[cfg(not(unix))]
pub use windows::{Folder, Reserved};

/// The longest file that is read. A session with the tokens of five audiences has some 20 kB.
const LONGEST: u64 = 256 << 10;

impl Folder {
    /// Writes a file that is there whole or not at all, also after a loss of power.
    ///
    /// # Errors
    /// [`Error`]; what was there before is there still.
    pub fn write(&self, name: &str, content: &[u8], world: &World) -> Result<(), Error> {
        self.reserve(name, 0, world)?.commit(content)
    }

    /// The names in it, sorted; without those of files that are being written.
    ///
    /// # Errors
    /// [`Error`]: it cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        let mut names = self.all_names()?;
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        Ok(names)
    }

    /// Removes what processes that were killed have begun and not finished. Only for who holds the
    /// lock under which all files of the folder are written.
    ///
    /// # Errors
    /// [`Error`]: the folder cannot be read, or a file is there still.
    pub fn sweep(&self) -> Result<(), Error> {
        for name in self.all_names()? {
            if name.starts_with('.') {
                self.remove(&name)?;
            }
        }
        Ok(())
    }
}

/// The name under which a file is written until it is whole.
fn unfinished(name: &str, path: &Path, world: &World) -> Result<String, Error> {
    let mut random = [0; 8];
    world
        .fill_random(&mut random)
        .map_err(|error| Error::io("write", path, io::Error::other(error)))?;
    Ok(format!(".{name}.{:016x}", u64::from_ne_bytes(random)))
}
