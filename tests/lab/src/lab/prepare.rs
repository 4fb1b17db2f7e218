//! Giving a lab at once what stories would ask for one by one.

use std::panic;
use std::sync::Mutex;
use std::thread;

use super::{ClientError, ImageError, Lab};
use crate::ceph;
use crate::cloudnative_pg;
use crate::consumers;
use crate::directories;
use crate::packages;
use crate::progress::{Progress, Shared};
use crate::tools::Client;
use crate::versitygw;

/// The majors of PostgreSQL that stories ask for beside the machine's own.
const MAJORS: [u32; 2] = [13, 17];

/// What stories run beside the tools: a keyring and its bus, and a witness of system calls.
const PROGRAMS: [(&str, &str); 4] = [
    ("dbus-daemon", "dbus-daemon"),
    ("dbus-send", "dbus-bin"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("strace", "strace"),
];

/// What went wrong while a lab was prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator could not be installed.
    #[error(transparent)]
    CloudNativePg(#[from] cloudnative_pg::Error),
    /// An image could not be made.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Keycloak or Ceph could not be made or started.
    #[error(transparent)]
    Ceph(#[from] ceph::Error),
    /// The cache has no place.
    #[error(transparent)]
    Directories(#[from] directories::Error),
    /// VersityGW could not be made or started.
    #[error(transparent)]
    VersityGw(#[from] versitygw::Error),
    /// Clients of S3 could not be installed.
    #[error(transparent)]
    Consumers(#[from] consumers::Error),
    /// A program could not be installed.
    #[error(transparent)]
    Packages(#[from] packages::Error),
    /// A program could not be built.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Lab {
    /// Builds and installs what stories get on demand. On a new machine that takes minutes of both
    /// cores, which stories beside it would be timed by.
    ///
    /// # Errors
    /// Something could not be built, imported or installed.
    pub fn prepare(&self, progress: &mut (dyn Progress + Send)) -> Result<(), Error> {
        let progress = Mutex::new(progress);
        thread::scope(|scope| {
            let images = scope.spawn(|| {
                MAJORS.into_iter().try_for_each(|major| {
                    self.postgresql_image(major, &mut Shared(&progress))
                        .map(drop)
                })
            });
            let cache = directories::cache_directory()?;
            packages::provide(&cache, &PROGRAMS, &mut Shared(&progress))?;
            cloudnative_pg::install(self, &mut Shared(&progress))?;
            // kubelogin is measured beside, and no story's.
            for client in [Client::Helm, Client::Mc] {
                self.client(client, &mut Shared(&progress))?;
            }
            consumers::provide(&cache, &mut Shared(&progress))?;
            // With Keycloak, which it starts beside.
            ceph::start(self, &mut Shared(&progress))?;
            versitygw::start(self, &mut Shared(&progress))?;
            let images = images
                .join()
                .unwrap_or_else(|panic| panic::resume_unwind(panic));
            Ok(images?)
        })
    }
}
