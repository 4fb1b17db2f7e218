use data_encoding::HEXLOWER;
use datalab_core::oidc::Claims;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Claims that differ between two tokens of one login.
const VOLATILE: [&str; 14] = [
    "exp",
    "iat",
    "nbf",
    "jti",
    "auth_time",
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "acr",
    "typ",
    "sid",
    "session_state",
    "allowed-origins",
];

/// What keys are bound to: whoever they were given to, as the identity provider described them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Binding {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) username: String,
    /// When the user logged in, where there is a login.
    pub(crate) logged_in: Option<Timestamp>,
    /// A digest of what the token says of them: groups and policies.
    pub(crate) described: String,
}

/// A digest of what a token says of its user, whatever differs from token to token.
pub(super) fn described(claims: &Claims) -> String {
    let mut stable = claims.all().clone();
    stable.retain(|name, _| !VOLATILE.contains(&name.as_str()));
    let mut digest = Sha256::new();
    let mut names: Vec<_> = stable.iter().collect();
    names.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in names {
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(value.to_string().as_bytes());
        digest.update([0]);
    }
    HEXLOWER.encode(&digest.finalize()[..16])
}
