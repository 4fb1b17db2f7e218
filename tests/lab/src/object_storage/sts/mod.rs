//! AssumeRoleWithWebIdentity, as each dialect answers it.

mod answer;
mod aws;
mod ceph;
mod minio;
mod request;
mod rustfs;
mod seaweedfs;

use std::sync::Mutex;

use serde_json::{Map, Value};

use super::jwt::{self, Clock, Wrong};
use super::settings::{Dialect, Settings};
use super::state::{State, lock};
use super::{Endpoint, Reply, Seen};
use super::{keys, s3};
use crate::loopback::now;

use request::Ask;

/// Why there are no credentials: status, code and message, in whatever form the dialect has.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

/// What an exchange has to go on.
struct Exchange<'a> {
    settings: &'a Settings,
    ask: Ask,
    state: &'a Mutex<State>,
}

/// Why there are no claims.
enum Unbelieved {
    Wrong(Wrong),
    /// The issuer cannot be asked for its keys.
    Unreachable,
}

impl Exchange<'_> {
    fn now(&self) -> i64 {
        now(self.settings.clock_ahead_seconds)
    }

    /// The token's claims. Keys are kept until a token does not fit them, but for Ceph, which asks
    /// each time.
    fn claims(&self, leeway_seconds: i64) -> Result<Map<String, Value>, Unbelieved> {
        let clock = Clock {
            now: self.now(),
            leeway_seconds,
        };
        let token = self.ask.get("WebIdentityToken").unwrap_or_default();
        let kept = lock(self.state).keys.clone();
        if !kept.is_empty() && self.settings.dialect != Dialect::Ceph {
            match jwt::verify(token, &keys::signing(&kept), clock) {
                Err(Wrong::UnknownKey(_) | Wrong::Signature { .. }) => {}
                Err(wrong) => return Err(Unbelieved::Wrong(wrong)),
                Ok(claims) => return Ok(claims),
            }
        }
        // Without the lock: the issuer may be slow, or held by the test.
        let fetched = keys::fetch(&self.settings.trust).map_err(|_| Unbelieved::Unreachable)?;
        lock(self.state).keys = fetched.clone();
        let usable = match self.settings.reads_first_key_only {
            true => fetched
                .into_iter()
                .take(1)
                .filter(|key| key["use"] != "enc")
                .collect(),
            false => keys::signing(&fetched),
        };
        jwt::verify(token, &usable, clock).map_err(Unbelieved::Wrong)
    }

    /// Whether the token's audience, or its authorized party, is the client.
    fn is_for_client(&self, claims: &Map<String, Value>, names: &[&str]) -> bool {
        let clients = &self.settings.trust.client_ids;
        names.iter().any(|name| {
            let values = jwt::values(claims, name).unwrap_or_default();
            values.iter().any(|value| clients.contains(value))
        })
    }

    fn is_of_issuer(&self, claims: &Map<String, Value>) -> bool {
        claims.get("iss").and_then(Value::as_str) == Some(&self.settings.trust.issuer)
    }

    /// The policies that a claim names and the server knows; `None` without the claim.
    fn policies_of_claim(&self, claims: &Map<String, Value>) -> Option<(Vec<String>, Vec<Value>)> {
        let mut names = jwt::values(claims, &self.settings.policy_claim)?;
        names.retain(|name| !name.is_empty());
        let known = names.iter().filter_map(|name| {
            let policy = self.settings.policies.get(name)?;
            Some(policy.clone())
        });
        let known = known.collect();
        Some((names, known))
    }

    fn life(&self, seconds: u64) -> u64 {
        self.settings
            .lifetime_of_credentials_seconds
            .unwrap_or(seconds)
    }
}

/// Answers a request to STS.
pub(super) fn answer(state: &Mutex<State>, seen: &Seen) -> Reply {
    let settings = lock(state).settings.clone();
    let dialect = settings.dialect;
    let exchange = Exchange {
        settings: &settings,
        ask: Ask::of(dialect, seen),
        state,
    };
    let known = seen.endpoint == Endpoint::AssumeRole;
    let grant = match dialect {
        Dialect::Minio => minio::grant(&exchange, seen, known),
        Dialect::Ceph => ceph::grant(&exchange, seen, known),
        Dialect::Aws => aws::grant(&exchange, seen, known),
        Dialect::Rustfs => rustfs::grant(&exchange, seen, known),
        Dialect::Seaweedfs => seaweedfs::grant(&exchange, known),
    };
    let reply = match grant {
        Ok(mut grant) => {
            grant.seconds = exchange.life(grant.seconds);
            let credentials = lock(state).issue(&grant);
            answer::credentials(&settings, &grant, &credentials)
        }
        Err(refusal) => answer::refusal(dialect, &refusal),
    };
    s3::signed_by_server(dialect, reply)
}
