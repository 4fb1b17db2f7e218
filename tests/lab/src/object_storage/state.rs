//! What the store knows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::credentials::{Credentials, Grant};
use super::s3::Store;
use super::settings::Settings;
use super::{Endpoint, Reply, Seen, grudges, platform, s3, sts};
use crate::loopback::{self, Journal, Service, now, random};

/// Longer than any part that clients send at once: theirs are of 8 or 16 MiB.
const LONGEST_BODY: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct State {
    pub(super) url: String,
    pub(super) settings: Settings,
    pub(super) journal: Arc<Journal<Endpoint>>,
    pub(super) issued: Vec<Credentials>,
    pub(super) secrets: BTreeSet<String>,
    pub(super) store: Store,
    /// The issuer's keys, as they were last fetched.
    pub(super) keys: Vec<Value>,
    /// What readable session tokens are signed with.
    signing_key: String,
}

impl State {
    pub(super) fn new(url: &str, settings: Settings, journal: Arc<Journal<Endpoint>>) -> Self {
        Self {
            url: url.to_owned(),
            settings,
            journal,
            issued: Vec::new(),
            secrets: BTreeSet::new(),
            store: Store::default(),
            keys: Vec::new(),
            signing_key: random(32),
        }
    }

    /// Seconds since 1970, by the store's clock.
    pub(super) fn now(&self) -> i64 {
        now(self.settings.clock_ahead_seconds)
    }

    /// New credentials, which open the store from now on.
    pub(super) fn issue(&mut self, grant: &Grant) -> Credentials {
        let dialect = self.settings.dialect;
        let key = self.signing_key.as_bytes();
        let credentials = Credentials::new(dialect, grant, self.now(), key);
        self.secrets.insert(credentials.secret_access_key.clone());
        self.secrets.insert(credentials.session_token.clone());
        self.issued.push(credentials.clone());
        credentials
    }
}

/// The state, whoever panicked while holding it: that test has said so already.
pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service for State {
    type Kind = Endpoint;

    const NAME: &'static str = "datalab-object-storage";
    const LONGEST_BODY: usize = LONGEST_BODY;

    fn kind(seen: &loopback::Seen<()>) -> Endpoint {
        Endpoint::of(seen)
    }

    fn arrived(&mut self, seen: &Seen) {
        grudges::look(self, seen);
        if let Some(token) = seen.parameter("WebIdentityToken") {
            self.secrets.insert(token.to_owned());
        }
    }

    fn carry_out(this: &Mutex<Self>, seen: &Seen) -> Reply {
        match seen.endpoint {
            Endpoint::AssumeRole | Endpoint::OtherAction => sts::answer(this, seen),
            Endpoint::Configuration => platform::answer(&lock(this)),
            _ => s3::answer(&mut lock(this), seen),
        }
    }

    fn clock_ahead_seconds(&self) -> i64 {
        self.settings.clock_ahead_seconds
    }
}
