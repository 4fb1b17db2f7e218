//! What the provider knows: sessions, codes, devices, and what it has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::keys::{Algorithm, Keys};
use super::settings::{Settings, User};
use super::{Endpoint, Error, Reply, Seen, endpoint};
use crate::loopback::{Journal, Service, now, random};

/// Longer than any form that belongs here.
const LONGEST_FORM: usize = 64 * 1024;

/// As many bytes as make refresh tokens as long as Keycloak's.
const REFRESH_TOKEN_BYTES: usize = 530;

#[derive(Debug)]
pub(super) struct State {
    pub(super) issuer: String,
    pub(super) settings: Settings,
    pub(super) keys: Keys,
    journal: Arc<Journal<Endpoint>>,
    pub(super) logins: usize,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) devices: BTreeMap<String, Device>,
    pub(super) refresh_tokens: BTreeMap<String, RefreshToken>,
    /// Sessions by access token.
    pub(super) access_tokens: BTreeMap<String, String>,
    pub(super) secrets: BTreeSet<String>,
}

/// A login that lasts.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: User,
    pub(super) scopes: BTreeSet<String>,
    life: Life,
    used: Instant,
    patience: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Lives,
    /// By its owner, an administrator, or its own time.
    Ended,
    /// Because a code or refresh token was used twice.
    Punished,
}

/// What a login at the page hands to the client.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) session: String,
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) born: Instant,
    pub(super) used: bool,
}

/// A device that waits for its person.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) client: String,
    pub(super) scopes: BTreeSet<String>,
    pub(super) challenge: String,
    pub(super) born: Instant,
    pub(super) polled: Option<Instant>,
    pub(super) interval: Duration,
    pub(super) answer: DeviceAnswer,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DeviceAnswer {
    None,
    Yes,
    No,
    Expired,
    /// The code was exchanged for tokens.
    Used,
}

#[derive(Debug)]
pub(super) struct RefreshToken {
    pub(super) session: String,
    pub(super) client: String,
    pub(super) used: bool,
}

impl Service for State {
    type Kind = Endpoint;

    const NAME: &'static str = "datalab-identity-provider";
    const LONGEST_BODY: usize = LONGEST_FORM;

    fn kind(seen: &crate::loopback::Seen<()>) -> Endpoint {
        Endpoint::of(&seen.method, &seen.path, &seen.form)
    }

    fn arrived(&mut self, seen: &Seen) {
        for name in ["code_verifier", "refresh_token", "code", "device_code"] {
            if let Some(value) = seen.form.get(name) {
                self.secrets.insert(value.clone());
            }
        }
    }

    fn carry_out(this: &Mutex<Self>, seen: &Seen) -> Reply {
        // A test that failed while it held the lock has said so already.
        let mut state = this.lock().unwrap_or_else(PoisonError::into_inner);
        endpoint::carry_out(&mut state, seen)
    }

    fn clock_ahead_seconds(&self) -> i64 {
        self.settings.clock_ahead_seconds
    }
}

impl Session {
    pub(super) fn lives(&self) -> bool {
        self.life == Life::Lives && self.used.elapsed() < self.patience
    }

    pub(super) fn is_punished(&self) -> bool {
        self.life == Life::Punished
    }

    pub(super) fn end(&mut self) {
        if self.life == Life::Lives {
            self.life = Life::Ended;
        }
    }

    pub(super) fn punish(&mut self) {
        self.life = Life::Punished;
    }

    pub(super) fn touch(&mut self, patience: Duration) {
        self.used = Instant::now();
        self.patience = patience;
    }
}

impl State {
    pub(super) fn new(
        issuer: String,
        algorithm: Algorithm,
        settings: Settings,
        journal: Arc<Journal<Endpoint>>,
    ) -> Result<Self, Error> {
        Ok(Self {
            issuer,
            settings,
            keys: Keys::new(algorithm)?,
            journal,
            logins: 0,
            sessions: BTreeMap::new(),
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            secrets: BTreeSet::new(),
        })
    }

    pub(super) fn complain(&mut self, seen: &Seen, complaint: impl Into<String>) {
        self.journal.complain(seen, complaint);
    }

    /// Seconds since 1970, by the provider's clock.
    pub(super) fn now(&self) -> i64 {
        now(self.settings.clock_ahead_seconds)
    }

    /// The person said yes: a session begins. Its id.
    pub(super) fn log_in(&mut self, scopes: BTreeSet<String>) -> String {
        self.logins += 1;
        let id = format!("session-{}-{}", self.logins, random(9));
        let session = Session {
            user: self.settings.user.clone(),
            scopes,
            life: Life::Lives,
            used: Instant::now(),
            patience: self.session_patience(),
        };
        self.sessions.insert(id.clone(), session);
        id
    }

    pub(super) fn session_patience(&self) -> Duration {
        Duration::from_secs(self.settings.refresh_token_seconds)
    }

    pub(super) fn new_refresh_token(&mut self, session: &str, client: &str) -> String {
        let token = self.secret(REFRESH_TOKEN_BYTES);
        let record = RefreshToken {
            session: session.to_owned(),
            client: client.to_owned(),
            used: false,
        };
        self.refresh_tokens.insert(token.clone(), record);
        token
    }

    /// Random text that must not leak.
    pub(super) fn secret(&mut self, bytes: usize) -> String {
        let secret = random(bytes);
        self.secrets.insert(secret.clone());
        secret
    }

    pub(super) fn live_refresh_tokens(&self) -> Vec<String> {
        let lives = |record: &RefreshToken| {
            let session = self.sessions.get(&record.session);
            !record.used && session.is_some_and(Session::lives)
        };
        self.refresh_tokens
            .iter()
            .filter(|(_, record)| lives(record))
            .map(|(token, _)| token.clone())
            .collect()
    }

    pub(super) fn waiting_user_codes(&self) -> Vec<String> {
        self.devices
            .values()
            .filter(|device| device.answer == DeviceAnswer::None)
            .map(|device| device.user_code.clone())
            .collect()
    }

    /// Yes, no, or too late; false if no such code waits.
    pub(super) fn answer_device(&mut self, user_code: &str, yes: Option<bool>) -> bool {
        let device = self
            .devices
            .values_mut()
            .find(|device| device.user_code == user_code && device.answer == DeviceAnswer::None);
        let Some(device) = device else { return false };
        device.answer = match yes {
            Some(true) => DeviceAnswer::Yes,
            Some(false) => DeviceAnswer::No,
            None => DeviceAnswer::Expired,
        };
        true
    }
}
