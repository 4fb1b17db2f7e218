//! Files that must not tear, and secrets in them.
//!
//! - [`Folder`]: a folder of ours whose files only we can read; each is written whole or not at all.
//! - [`Reserved`]: room on the disk for a file that must not be lost once its content is there.
//! - [`ForeignFile`]: a file of another program, edited without losing what others write there.
//! - [`Lock`]: one process at a time, with a deadline and the holder's pid.
//! - [`Sealer`]: secrets for such files, sealed with a key that lies in the system's keyring, else
//!   in a file of its own.

mod error;
mod folder;
mod foreign_file;
mod keyring;
mod lock;
mod sealer;

pub use error::Error;
pub use folder::{Folder, Reserved};
pub use foreign_file::{Change, Edited, Effect, ForeignFile};
pub use lock::{Lock, LockError, Waiting};
pub use sealer::{KeyPlace, SealError, Sealed, Sealer};
