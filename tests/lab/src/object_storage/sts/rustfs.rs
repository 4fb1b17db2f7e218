//! RustFS 1.0: reads the body only, clamps durations, knows no roles.

use super::super::Seen;
use super::super::credentials::Grant;
use super::super::jwt::{self, Wrong};
use super::request::said;
use super::{Exchange, Refusal, Unbelieved};

/// What is given unless something else is asked for.
const DEFAULT_SECONDS: u64 = 3600;

/// The shortest life, and the longest: what is asked for is brought between them.
const SHORTEST_SECONDS: u64 = 900;
const LONGEST_SECONDS: u64 = 43_200;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidArgument", message)
}

fn denied(message: impl std::fmt::Display) -> Refusal {
    let message = format!("token verification failed: {message}");
    Refusal::new(403, "AccessDenied", message)
}

pub(super) fn grant(exchange: &Exchange<'_>, seen: &Seen, known: bool) -> Result<Grant, Refusal> {
    let (settings, ask) = (exchange.settings, &exchange.ask);
    if !seen.is_form() {
        return Err(Refusal::new(
            400,
            "InvalidRequest",
            "the body is not a form",
        ));
    }
    if !known || ask.get("Action").is_none() {
        return Err(invalid("unsupported action"));
    }
    if ask.get("Version") != Some("2011-06-15") {
        return Err(invalid("unsupported version"));
    }
    if ask.get("WebIdentityToken").is_none() {
        return Err(invalid("WebIdentityToken is missing"));
    }
    let not_initialized = || Refusal::new(500, "InternalError", "OIDC not initialized");
    if !settings.is_ready {
        return Err(not_initialized());
    }
    let claims = exchange.claims(0).map_err(|why| match why {
        Unbelieved::Unreachable => not_initialized(),
        Unbelieved::Wrong(wrong) => denied(said_of(&wrong)),
    })?;
    if !exchange.is_of_issuer(&claims) {
        return Err(denied("unexpected issuer"));
    }
    let audience = jwt::values(&claims, "aud").unwrap_or_default();
    if !exchange.is_for_client(&claims, &["aud"]) {
        return Err(denied("unexpected audience"));
    }
    let foreign = audience.iter().find(|value| {
        !settings.trust.client_ids.contains(value) && !settings.other_audiences.contains(value)
    });
    if let Some(foreign) = foreign {
        return Err(denied(format!("`{foreign}` is not a trusted audience")));
    }
    let (_, policies) = exchange.policies_of_claim(&claims).unwrap_or_default();
    if policies.is_empty() {
        return Err(invalid("no policies are available"));
    }
    let session_policy = exchange.session_policy(&invalid("invalid policy"))?;
    let asked_seconds = ask
        .seconds()
        .map_err(|()| invalid("invalid DurationSeconds"))?;
    let seconds = asked_seconds.unwrap_or(DEFAULT_SECONDS);
    Ok(Grant {
        seconds: seconds.clamp(SHORTEST_SECONDS, LONGEST_SECONDS),
        asked_seconds,
        role_arn: None,
        session_name: said(&claims, "sub"),
        policies,
        session_policy,
        claims,
    })
}

fn said_of(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Malformed => "malformed token".to_owned(),
        Wrong::Algorithm(name) => format!("unsupported signing algorithm {name}"),
        Wrong::UnknownKey(_) => "no matching key found".to_owned(),
        Wrong::Signature { .. } => "signature verification failed".to_owned(),
        Wrong::Expired(_) => "token is expired".to_owned(),
        Wrong::NotYet | Wrong::IssuedLater => "token is not valid yet".to_owned(),
    }
}
