//! Clients that stories run beside ours, built when the first one asks.

use std::path::PathBuf;

use super::Lab;
use crate::directories::{self, Directories};
use crate::progress::{self, Progress};
use crate::tools::{self, Client};

/// What went wrong while a client was built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Go to build it with.
    #[error("cannot build {name}: this machine lacks {lack}")]
    Go {
        /// The client.
        name: &'static str,
        /// What is missing.
        lack: String,
    },
    /// It could not be built.
    #[error(transparent)]
    Tools(#[from] tools::Error),
    /// The cache is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
}

impl Lab {
    /// int128/kubelogin, the peer that oidc-login is measured beside.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn kubelogin(&self) -> Result<PathBuf, Error> {
        self.client(Client::Kubelogin, &mut progress::on_stderr)
    }

    /// Helm 3.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn helm(&self) -> Result<PathBuf, Error> {
        self.client(Client::Helm, &mut progress::on_stderr)
    }

    /// mc, MinIO's client: the last commit whose module can be had.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn mc(&self) -> Result<PathBuf, Error> {
        self.client(Client::Mc, &mut progress::on_stderr)
    }

    pub(crate) fn client(
        &self,
        client: Client,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, Error> {
        let name = client.name();
        let go = tools::find_go().map_err(|lack| Error::Go { name, lack })?;
        let directories = Directories::from_env()?;
        Ok(tools::build_client(
            client,
            directories.cache(),
            &go,
            progress,
        )?)
    }
}
