//! Ceph RGW 16: everything that is wrong is the same 403, without a word.

use super::super::Seen;
use super::super::credentials::Grant;
use super::{Exchange, Refusal};

/// What a role gives unless something else is asked for.
const DEFAULT_SECONDS: u64 = 3600;

/// The shortest life.
const SHORTEST_SECONDS: u64 = 900;

fn denied() -> Refusal {
    Refusal::new(403, "AccessDenied", "")
}

fn invalid() -> Refusal {
    Refusal::new(400, "InvalidArgument", "")
}

pub(super) fn grant(exchange: &Exchange<'_>, seen: &Seen, known: bool) -> Result<Grant, Refusal> {
    let ask = &exchange.ask;
    if !known || (!seen.is_form() && seen.query.is_empty()) {
        return Err(Refusal::new(405, "MethodNotAllowed", ""));
    }
    if !exchange.settings.is_ready {
        return Err(Refusal::new(503, "ServiceUnavailable", ""));
    }
    // Authenticated by the token before any parameter is looked at.
    let claims = exchange.claims(0).map_err(|_| denied())?;
    if !exchange.is_of_issuer(&claims)
        || !exchange.is_for_client(&claims, &["aud", "client_id", "azp"])
    {
        return Err(denied());
    }
    let (arn, role) = exchange.role().ok_or_else(denied)?;
    let (name, good_name) = ask.session_name();
    let name = name.ok_or_else(denied)?;
    if !good_name || name.contains('+') {
        return Err(invalid());
    }
    let asked_seconds = ask.seconds().map_err(|()| invalid())?;
    let seconds = asked_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(SHORTEST_SECONDS..=role.longest_seconds).contains(&seconds) {
        return Err(invalid());
    }
    let wrong = Refusal::new(400, "MalformedPolicyDocument", "");
    let session_policy = exchange.session_policy(&wrong)?;
    if !role.trusts {
        return Err(denied());
    }
    Ok(Grant {
        seconds,
        asked_seconds,
        role_arn: Some(arn.to_owned()),
        session_name: name.to_owned(),
        policies: vec![role.policy.clone()],
        session_policy,
        claims,
    })
}
