//! An object store with temporary credentials of our own on loopback, for what a real one cannot be
//! told to do.
//!
//! One server speaks three things:
//!
//! - **STS** (`POST /`, AssumeRoleWithWebIdentity) in one of five [`Dialect`]s, with the checks, codes
//!   and bodies of each. Tokens are verified for real: signature, times, audience, claims.
//! - **S3**, with every signature verified (Signature Version 4, in headers or in the address, bodies
//!   in signed chunks too), rights by policies in AWS's language, and credentials that end.
//! - **A platform's public configuration** at `/api/public/configuration`, as an Onyxia tells it.
//!
//! What a client must never do, and gets away with at some server, is kept:
//! [`complaints`](Journal::complaints). It misbehaves by [`Settings`] (short lives, a wrong clock, not
//! ready yet) and by [`Fault`]s (slow, cut, another answer).
//!
//! ```no_run
//! use datalab_lab::identity_provider::{self, IdentityProvider};
//! use datalab_lab::object_storage::{Dialect, Endpoint, ObjectStorage, Options, Trust};
//! let provider = IdentityProvider::start(identity_provider::Options::default()).unwrap();
//! let trust = Trust::of(&provider, "minio");
//! let storage = ObjectStorage::start(Options::new(Dialect::Minio, trust)).unwrap();
//! storage.set(|settings| settings.lifetime_of_credentials_seconds = Some(3));
//! // … a program exchanges a token at storage.url(), trusting storage.authority() …
//! assert_eq!(storage.count(Endpoint::AssumeRole), 1);
//! assert_eq!(storage.complaints(), Vec::<String>::new());
//! ```

mod charset;
mod credentials;
mod endpoint;
mod grudges;
mod jwt;
mod keys;
mod platform;
mod policy;
mod s3;
mod settings;
mod signature;
mod state;
mod sts;
mod xml;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use crate::loopback::{Journal, Server};

pub use crate::loopback::{Reply, Transport, What};
pub use credentials::Credentials;
pub use endpoint::Endpoint;
pub use platform::PlatformForm;
pub use settings::{AccessKey, Dialect, Keys, Options, Role, Settings, Trust};

use state::State;

/// Something that happens at certain requests.
pub type Fault = crate::loopback::Fault<Endpoint>;

/// A request that came in.
pub type Seen = crate::loopback::Seen<Endpoint>;

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot listen, or has no certificate.
    #[error(transparent)]
    Server(#[from] crate::loopback::Error),
    /// No folder to work with.
    #[error("the store has no folder")]
    Folder(#[from] std::io::Error),
}

/// The store; it ends when it is dropped. Its [`Journal`] has what was asked of it, and takes faults.
#[derive(Debug)]
pub struct ObjectStorage {
    server: Arc<Server<State>>,
    folder: tempfile::TempDir,
    url: String,
}

impl ObjectStorage {
    /// A store on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// There is no port, thread, folder or certificate for it.
    pub fn start(options: Options) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("datalab-s3-").tempdir()?;
        let mut address = String::new();
        let server = Server::start(options.transport, |url, journal| {
            url.clone_into(&mut address);
            Ok::<_, Error>(State::new(url, options.settings, journal))
        })?;
        std::fs::write(folder.path().join("ca.pem"), &server.authority)?;
        Ok(Self {
            server,
            folder,
            url: address,
        })
    }

    /// Scheme, host and port, of S3, STS and the platform alike.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The file with the certificate of the authority that signed the server's, in PEM.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Changes what it does from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.server.state().settings);
    }

    /// Ends all connections and refuses new ones.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Listens again, on the same port, knowing what it knew.
    ///
    /// # Errors
    /// Somebody else took the port.
    pub fn start_again(&self) -> Result<(), Error> {
        Ok(self.server.listen()?)
    }

    /// All temporary credentials so far, in the order in which they were given.
    #[must_use]
    pub fn issued(&self) -> Vec<Credentials> {
        self.server.state().issued.clone()
    }

    /// Forgets the credentials, as a server does that starts anew without its disk.
    pub fn forget_credentials(&self) {
        self.server.state().issued.clear();
    }

    /// Every secret key, session token and web identity token so far: what no output may hold.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.server.state().secrets.iter().cloned().collect()
    }

    /// Makes a bucket that is empty.
    pub fn make_bucket(&self, bucket: &str) {
        self.server.state().store.make_bucket(bucket);
    }

    /// Puts an object into a bucket, which is made where it is missing.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        self.server.state().store.put(bucket, key, content);
    }

    /// An object's content.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.server.state().store.content(bucket, key)
    }
}

impl Deref for ObjectStorage {
    type Target = Journal<Endpoint>;

    fn deref(&self) -> &Self::Target {
        &self.server.journal
    }
}

impl Drop for ObjectStorage {
    fn drop(&mut self) {
        self.release();
        self.server.stop();
    }
}
