//! An issuer's keys, given or fetched.

use serde_json::Value;

use super::settings::{Keys, Trust};
use crate::https::{Client, Request};

/// The issuer cannot be asked for its keys.
#[derive(Debug)]
pub(super) struct Unreachable;

/// The keys as they are published.
pub(super) fn fetch(trust: &Trust) -> Result<Vec<Value>, Unreachable> {
    let authority = match &trust.keys {
        Keys::Given(set) => return Ok(list(set)),
        Keys::Fetched(authority) => authority,
    };
    let client = Client::trusting(authority).map_err(|_| Unreachable)?;
    let get = |url: &str| {
        let request = Request::get(url).map_err(|_| Unreachable)?;
        let answer = client.send(&request).map_err(|_| Unreachable)?;
        match answer.status() {
            200 => Ok(answer.json()),
            _ => Err(Unreachable),
        }
    };
    let discovery = get(&format!(
        "{}/.well-known/openid-configuration",
        trust.issuer
    ))?;
    let address = discovery["jwks_uri"].as_str().ok_or(Unreachable)?;
    Ok(list(&get(address)?))
}

fn list(set: &Value) -> Vec<Value> {
    set["keys"].as_array().cloned().unwrap_or_default()
}

/// Those that sign.
pub(super) fn signing(keys: &[Value]) -> Vec<Value> {
    let mut keys = keys.to_vec();
    keys.retain(|key| key["use"] != "enc");
    keys
}
