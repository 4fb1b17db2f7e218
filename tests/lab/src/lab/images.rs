//! Giving a lab that is up more images than it began with.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use super::Lab;
use crate::command::{self, run_as_is};
use crate::directories::{self, Directories};
use crate::image::{self, Blob};
use crate::lock::{self, Lock};
use crate::progress::Progress;

/// What went wrong with an image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be made.
    #[error(transparent)]
    Build(#[from] image::Error),
    /// The lab's containerd refused.
    #[error("cannot use the images of the lab")]
    Command(#[from] command::Error),
    /// The archive could not be read.
    #[error("cannot read {}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The lab's containerd says something else than expected of an image.
    #[error("{image} is not an image of one layer: {answer}")]
    Malformed {
        /// The image.
        image: String,
        /// What was answered.
        answer: String,
    },
    /// The lock between two that import.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The cache is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
}

impl Lab {
    /// The name of an image with this major version of PostgreSQL, made and imported at first; its
    /// programs are in `/usr/lib/postgresql/current/bin`, as in [`Lab::image`].
    ///
    /// # Errors
    /// When no release of Debian has it, and when it cannot be made or imported.
    pub(crate) fn postgresql_image(
        &self,
        major: u32,
        progress: &mut dyn Progress,
    ) -> Result<String, Error> {
        if image::postgresql_of_host().is_ok_and(|host| host == major) {
            return Ok(self.image().to_owned());
        }
        let name = format!("docker.io/lab/postgresql:{major}");
        self.with_image(&name, || {
            let directories = Directories::from_env()?;
            let path = image::build_postgresql(major, &name, directories.cache(), progress)?;
            File::open(&path).map_err(|source| Error::Archive { path, source })
        })?;
        Ok(name)
    }

    /// Imports the archive that `make` makes, unless the lab has an image of this name.
    pub(crate) fn with_image<E: From<Error>>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<File, E>,
    ) -> Result<(), E> {
        let file = name.replace(['/', ':'], "_");
        let lock = self.state_dir().join(format!("image-{file}.lock"));
        let _lock = Lock::acquire(&lock, || {}).map_err(Error::from)?;
        let list = ["images", "list", "--quiet", &format!("name=={name}")];
        let found = self.ctr(&list).map_err(Error::from)?;
        if !found.trim().is_empty() {
            return Ok(());
        }
        Ok(self.import(make()?)?)
    }

    /// The lowest layer of an image that the lab has: to be built upon without being copied.
    pub(crate) fn base_layer(&self, name: &str) -> Result<Blob, Error> {
        let list = self.ctr(&["images", "list", &format!("name=={name}")])?;
        let malformed = |answer: &str| Error::Malformed {
            image: name.to_owned(),
            answer: answer.to_owned(),
        };
        let digest = list
            .split_whitespace()
            .find(|word| word.starts_with("sha256:"))
            .ok_or_else(|| malformed(&list))?;
        let manifest = self.ctr(&["content", "get", digest])?;
        let layers: Value = serde_json::from_str(&manifest).unwrap_or_default();
        let layer = &layers["layers"][0];
        match (layer["digest"].as_str(), layer["size"].as_u64()) {
            (Some(digest), Some(size)) => Ok(Blob {
                digest: digest.trim_start_matches("sha256:").to_owned(),
                size,
            }),
            _ => Err(malformed(&manifest)),
        }
    }

    fn import(&self, archive: File) -> Result<(), Error> {
        let mut import = self.ctr_command();
        // By stdin, as the lab's mounts may hide where the archive is.
        import
            .args(["images", "import", "-"])
            .stdin(Stdio::from(archive));
        run_as_is(&mut import)?;
        Ok(())
    }
}
