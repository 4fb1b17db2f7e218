//! What the provider knows: sessions, codes, devices, and what it has seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

use super::Error;
use super::fault::{Fault, What};
use super::keys::{Algorithm, Keys};
use super::request::Seen;
use super::settings::{Settings, User};

/// As many bytes as make refresh tokens as long as Keycloak's.
const REFRESH_TOKEN_BYTES: usize = 530;

#[derive(Debug)]
pub(super) struct State {
    pub(super) issuer: String,
    pub(super) settings: Settings,
    pub(super) keys: Keys,
    pub(super) faults: Vec<Fault>,
    /// Counts the times that what was held was let go.
    pub(super) generation: usize,
    pub(super) seen: Vec<Seen>,
    pub(super) complaints: Vec<String>,
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
    ) -> Result<Self, Error> {
        Ok(Self {
            issuer,
            settings,
            keys: Keys::new(algorithm)?,
            faults: Vec::new(),
            generation: 0,
            seen: Vec::new(),
            complaints: Vec::new(),
            logins: 0,
            sessions: BTreeMap::new(),
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            secrets: BTreeSet::new(),
        })
    }

    /// A request came in: what happens to it.
    pub(super) fn arrived(&mut self, seen: &Seen) -> Option<What> {
        self.seen.push(seen.clone());
        for name in ["code_verifier", "refresh_token", "code", "device_code"] {
            if let Some(value) = seen.form.get(name) {
                self.secrets.insert(value.clone());
            }
        }
        self.faults.iter_mut().find_map(|fault| fault.strikes(seen))
    }

    pub(super) fn complain(&mut self, seen: &Seen, complaint: impl Into<String>) {
        let complaint = complaint.into();
        self.complaints
            .push(format!("{} {}: {complaint}", seen.method, seen.path));
    }

    /// Seconds since 1970, by the provider's clock.
    pub(super) fn now(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(0, |time| time.as_secs() as i64) + self.settings.clock_ahead_seconds
    }

    /// The provider's time, as a Date header says it.
    pub(super) fn date(&self) -> String {
        Timestamp::from_second(self.now())
            .map(|now| now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .unwrap_or_default()
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

/// Random text of letters, digits, `-` and `_`.
pub(super) fn random(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).expect("because the kernel gives random bytes");
    BASE64URL_NOPAD.encode(&buffer)
}
