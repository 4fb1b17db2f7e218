//! Temporary credentials: how they are made, and for whom.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::charset::{self, draw};
use super::settings::Dialect;

/// Temporary credentials that the store has given.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The access key.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
    /// The session token.
    pub session_token: String,
    /// When they end, in seconds since 1970, by the store's clock.
    pub expires: i64,
    /// How long they were asked for, in seconds; `None` where the client left it to the store.
    pub asked_seconds: Option<u64>,
    /// The claims of the token that they were given for.
    pub claims: Map<String, Value>,
    /// The role that was taken on.
    pub role_arn: Option<String>,
    /// What they may do: one of these has to allow it, none may deny it.
    pub policies: Vec<Value>,
    /// What has to allow it too.
    pub session_policy: Option<Value>,
}

/// What decides on new credentials, before there are any.
pub(super) struct Grant {
    pub(super) claims: Map<String, Value>,
    pub(super) seconds: u64,
    pub(super) asked_seconds: Option<u64>,
    pub(super) role_arn: Option<String>,
    pub(super) session_name: String,
    pub(super) policies: Vec<Value>,
    pub(super) session_policy: Option<Value>,
}

impl Credentials {
    /// In the shape of the dialect's.
    pub(super) fn new(dialect: Dialect, grant: &Grant, now: i64, signing_key: &[u8]) -> Self {
        let expires = now + i64::try_from(grant.seconds).unwrap_or(i64::MAX / 2);
        let mixed = charset::MIXED;
        let (access_key_id, secret_access_key) = match dialect {
            Dialect::Minio => (draw(charset::UPPER, 20), draw(charset::NO_SLASH, 40)),
            Dialect::Ceph => (draw(mixed, 19), draw(mixed, 39)),
            Dialect::Aws => (
                format!("ASIA{}", draw(charset::UPPER, 16)),
                draw(charset::BASE64, 40),
            ),
            Dialect::Rustfs => (draw(charset::UPPER, 20), draw(charset::BASE64, 40)),
            Dialect::Seaweedfs => (
                format!("STS{}", draw(charset::UPPER, 17)),
                draw(charset::BASE64, 43),
            ),
        };
        let session_token = match dialect {
            Dialect::Ceph => BASE64.encode(draw(mixed, 383).as_bytes()),
            Dialect::Aws => draw(
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
                171,
            ),
            _ => readable(&access_key_id, grant, expires, signing_key),
        };
        Self {
            access_key_id,
            secret_access_key,
            session_token,
            expires,
            asked_seconds: grant.asked_seconds,
            claims: grant.claims.clone(),
            role_arn: grant.role_arn.clone(),
            policies: grant.policies.clone(),
            session_policy: grant.session_policy.clone(),
        }
    }

    /// The end as the dialect writes it.
    pub(super) fn expiration(&self, dialect: Dialect) -> String {
        // A store that counts in nanoseconds never says a round one.
        const NANOSECONDS: i32 = 690_120_665;
        let end = match dialect {
            Dialect::Ceph => Timestamp::new(self.expires, NANOSECONDS),
            _ => Timestamp::from_second(self.expires),
        };
        end.map(|end| end.to_string()).unwrap_or_default()
    }
}

/// A token that its owner can read, with all claims of the one that it was given for.
fn readable(access_key_id: &str, grant: &Grant, expires: i64, key: &[u8]) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let mut claims = grant.claims.clone();
    claims.insert("accessKey".to_owned(), json!(access_key_id));
    claims.insert("exp".to_owned(), json!(expires));
    if let Some(policy) = &grant.session_policy {
        let policy = BASE64.encode(policy.to_string().as_bytes());
        claims.insert("sessionPolicy".to_owned(), json!(policy));
    }
    let header = json!({"alg": "HS512", "typ": "JWT"});
    let signed = format!("{}.{}", part(&header), part(&Value::Object(claims)));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA512, key);
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}
