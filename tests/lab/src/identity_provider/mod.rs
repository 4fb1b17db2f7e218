//! An OpenID provider of our own on loopback, for what a real one cannot be told to do.
//!
//! It holds its clients to the rules as the strictest servers do, in the words of Keycloak: PKCE by
//! S256 and nothing else, each code once (a second use ends the session), each refresh token once (a
//! second use ends the session), forms that are forms, no parameter that does not belong. What a
//! client did wrong is kept: [`IdentityProvider::complaints`].
//!
//! And it misbehaves on purpose, at any time:
//!
//! - [`Settings`]: lifetimes, what its person does, a clock that is wrong, and [`Lies`]
//! - [`Fault`]: at the next requests of one kind it is slow, silent, cut off, or answers something else,
//!   before or after it has carried them out
//! - [`Transport`]: plain http, a certificate of nobody, one for another name
//! - [`IdentityProvider::roll_keys`], [`IdentityProvider::stop`], [`IdentityProvider::start_again`]
//!
//! ```no_run
//! use datalab_lab::identity_provider::{Endpoint, Fault, IdentityProvider, Options, What};
//! let provider = IdentityProvider::start(Options::default()).unwrap();
//! provider.set(|settings| settings.access_token_seconds = 5);
//! provider.arm([Fault::at(Endpoint::Refresh, What::CutAfter).times(1)]);
//! // … a program logs in at provider.issuer(), trusting provider.authority() …
//! assert_eq!(provider.count(Endpoint::Refresh), 1);
//! assert_eq!(provider.complaints(), Vec::<String>::new());
//! ```

mod browser;
mod endpoint;
mod keys;
mod settings;
mod state;
mod token;

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use crate::loopback::{Journal, Server};

pub use crate::loopback::{Reply, Transport, What, decode, encode};
pub use browser::{Browser, Page};
pub use endpoint::Endpoint;
pub use keys::Algorithm;
pub use settings::{Client, Lies, Options, Person, Settings, Signature, User, default_client};

use state::State;

/// Something that happens at certain requests.
pub type Fault = crate::loopback::Fault<Endpoint>;

/// A request that came in.
pub type Seen = crate::loopback::Seen<Endpoint>;

/// Why there is no provider.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot listen, or has no certificate.
    #[error(transparent)]
    Server(#[from] crate::loopback::Error),
    /// No key to sign with.
    #[error("the provider has no signing key: {0}")]
    Key(String),
    /// No folder to work with.
    #[error("the provider has no folder")]
    Folder(#[from] std::io::Error),
}

/// The provider; it ends when it is dropped. Its [`Journal`] has what was asked of it, and takes faults.
#[derive(Debug)]
pub struct IdentityProvider {
    server: Arc<Server<State>>,
    folder: tempfile::TempDir,
}

impl IdentityProvider {
    /// A provider on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// There is no port, thread, folder, certificate or key for it.
    pub fn start(options: Options) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("datalab-idp-").tempdir()?;
        let server = Server::start(options.transport, |url, journal| {
            let issuer = format!("{url}{REALM}");
            State::new(issuer, options.algorithm, options.settings, journal)
        })?;
        std::fs::write(folder.path().join("ca.pem"), &server.authority)?;
        Ok(Self { server, folder })
    }

    /// The issuer as discovery, tokens and callbacks say it while nothing lies.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.state().issuer.clone()
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

    /// A browser that trusts the authority.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::trusting(&self.server.authority)
    }

    /// Changes what it does from now on.
    pub fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.state().settings);
    }

    /// New keys, which sign from now on. The old ones stay published, or are gone.
    ///
    /// # Errors
    /// No key can be made.
    pub fn roll_keys(&self, keep_old: bool) -> Result<(), Error> {
        let mut state = self.state();
        state.keys.roll(keep_old)
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

    /// How often a person said yes to a login.
    #[must_use]
    pub fn logins(&self) -> usize {
        self.state().logins
    }

    /// How many sessions are alive.
    #[must_use]
    pub fn live_sessions(&self) -> usize {
        self.state().sessions.values().filter(|s| s.lives()).count()
    }

    /// How many sessions were ended because a code or a refresh token was used twice.
    #[must_use]
    pub fn punished_sessions(&self) -> usize {
        self.state()
            .sessions
            .values()
            .filter(|session| session.is_punished())
            .count()
    }

    /// The refresh tokens that would be accepted now.
    #[must_use]
    pub fn live_refresh_tokens(&self) -> Vec<String> {
        self.state().live_refresh_tokens()
    }

    /// Every refresh token, code, verifier and token that ever went over the wire: what no output may hold.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.state().secrets.iter().cloned().collect()
    }

    /// An access token as a login by this client with these scopes brings it: for programs that are
    /// handed one. It counts as a login.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn mint(&self, client: &str, scopes: &[&str]) -> Result<String, Error> {
        token::mint(&mut self.state(), client, scopes)
    }

    /// The JSON Web Key Set that it publishes now, for whoever shall not ask it.
    #[must_use]
    pub fn published_keys(&self) -> serde_json::Value {
        self.state().keys.set()
    }

    /// Ends all sessions, as an administrator does.
    pub fn end_sessions(&self) {
        self.state()
            .sessions
            .values_mut()
            .for_each(state::Session::end);
    }

    /// The user codes of device logins that still wait for an answer.
    #[must_use]
    pub fn waiting_user_codes(&self) -> Vec<String> {
        self.state().waiting_user_codes()
    }

    /// The person at the other device says yes.
    pub fn approve_device(&self, user_code: &str) {
        self.state().answer_device(user_code, Some(true));
    }

    /// The person at the other device says no.
    pub fn deny_device(&self, user_code: &str) {
        self.state().answer_device(user_code, Some(false));
    }

    /// The device code's time is over.
    pub fn expire_device(&self, user_code: &str) {
        self.state().answer_device(user_code, None);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.server.state()
    }
}

impl Deref for IdentityProvider {
    type Target = Journal<Endpoint>;

    fn deref(&self) -> &Self::Target {
        &self.server.journal
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.release();
        self.server.stop();
    }
}

/// The path of the issuer: none but the root is as simple, and a path is what real ones have.
const REALM: &str = "/realms/datalab";
