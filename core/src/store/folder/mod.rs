//! A folder of ours, by the means of each operating system.

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

/// The name under which a file is written until it is whole.
fn unfinished(
    name: &str,
    path: &std::path::Path,
    world: &crate::world::World,
) -> Result<String, super::Error> {
    let mut random = [0; 8];
    world
        .fill_random(&mut random)
        .map_err(|error| super::Error::io("write", path, std::io::Error::other(error)))?;
    Ok(format!(".{name}.{:016x}", u64::from_ne_bytes(random)))
}
