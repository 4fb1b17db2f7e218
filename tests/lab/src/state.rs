//! What is known of a lab from outside, written before the first step that has to be undone.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::file::{FileError, fail};
use crate::name::LabName;
use crate::network::Subnet;
use crate::process::Process;
use crate::tools::Programs;

/// Hex digits that tell two labs apart whose state directories differ.
const IDENTITY_DIGITS: usize = 8;

/// What went wrong with a state file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read, written or removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what this version writes.
    #[error(
        "{} is not a state file of this version; when no lab runs there, \
         remove its directory: rm -r {}",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// How far `up` came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    /// Being started; a lab found in this phase without a running `up` is a leftover.
    Starting,
    /// It answered when `up` ended.
    Up,
}

/// The state of one lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The lab's name.
    pub name: LabName,
    /// Everything that the lab writes is below this directory.
    pub directory: PathBuf,
    /// How far `up` came.
    pub phase: Phase,
    /// The host's end of the lab's only network device.
    pub veth: String,
    /// The lab's cgroup, relative to the root of each hierarchy.
    pub cgroup: PathBuf,
    /// The addresses of the lab's only network device, once chosen.
    pub subnet: Option<Subnet>,
    /// The first process of the lab's pid namespace: its end is the end of the lab.
    pub init: Option<Process>,
    /// The binaries that the lab runs.
    pub programs: Programs,
    /// The image that the node knows, as containerd keeps it.
    pub image: PathBuf,
}

impl State {
    /// A lab of this name below `labs` that has not begun to start.
    #[must_use]
    pub(crate) fn new(name: LabName, labs: &Path, programs: Programs, image: PathBuf) -> Self {
        let directory = labs.join(name.as_str());
        let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
        let identity = &data_encoding::HEXLOWER.encode(&digest)[..IDENTITY_DIGITS];
        Self {
            phase: Phase::Starting,
            veth: format!("lab-{identity}"),
            cgroup: Path::new("kubectl-datalab").join(format!("{name}-{identity}")),
            name,
            directory,
            subnet: None,
            init: None,
            programs,
            image,
        }
    }

    /// Where the state of the lab with this directory is kept.
    #[must_use]
    pub(crate) fn file_in(directory: &Path) -> PathBuf {
        directory.join("state.json")
    }

    /// Reads a state file; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail("read", path)(error).into()),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| Error::Malformed {
                path: path.to_owned(),
                source,
            })
    }

    /// Writes the state file whole or not at all, making the lab's directory if need be.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self) -> Result<(), Error> {
        write_whole(&Self::file_in(&self.directory), self)
    }
}

/// Writes a value as JSON so that a reader sees the old file or the new one, never half of it.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_whole(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory).map_err(fail("create the directory of", path))?;
    let mut text = serde_json::to_vec_pretty(value).map_err(|source| Error::Malformed {
        path: path.to_owned(),
        source,
    })?;
    text.push(b'\n');
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(fail("write", path))?;
    file.write_all(&text).map_err(fail("write", path))?;
    file.persist(path)
        .map_err(|error| fail("replace", path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(labs: &Path) -> State {
        let name = "unit".parse().unwrap();
        State::new(
            name,
            labs,
            Programs::below(Path::new("/tools")),
            PathBuf::from("/image.tar"),
        )
    }

    #[test]
    fn what_is_written_is_read() {
        let labs = tempfile::tempdir().unwrap();
        let mut state = state(labs.path());
        let file = State::file_in(&state.directory);
        assert_eq!(State::read(&file).unwrap(), None);
        state.write().unwrap();
        state.subnet = Some(Subnet(7));
        state.init = Some(Process {
            pid: 42,
            start_time: 99,
        });
        state.write().unwrap();
        assert_eq!(State::read(&file).unwrap(), Some(state));
        assert_eq!(
            fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "a torn file"
        );
    }

    #[test]
    fn labs_of_one_name_in_two_places_share_nothing() {
        let (one, two) = (state(Path::new("/one")), state(Path::new("/two")));
        assert_ne!(one.veth, two.veth);
        assert_ne!(one.cgroup, two.cgroup);
        assert!(
            one.veth.len() <= 15,
            "longer than a network device's name may be"
        );
    }

    #[test]
    fn a_file_of_another_version_names_the_way_out() {
        let labs = tempfile::tempdir().unwrap();
        let file = labs.path().join("state.json");
        fs::write(&file, "{}").unwrap();
        let message = State::read(&file).unwrap_err().to_string();
        assert!(message.contains("rm -r"), "{message}");
    }
}
