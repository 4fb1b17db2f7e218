//! SeaweedFS: roles of a file, or policies of a claim.

use super::super::credentials::Grant;
use super::super::jwt::Wrong;
use super::{Exchange, Refusal, Unbelieved};

/// The server's default.
const DEFAULT_SECONDS: u64 = 3600;

/// The shortest life, and the longest.
const SHORTEST_SECONDS: u64 = 900;
const LONGEST_SECONDS: u64 = 43_200;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}

fn missing(name: &str) -> Refusal {
    Refusal::new(400, "MissingParameter", format!("{name} is required"))
}

pub(super) fn grant(exchange: &Exchange<'_>, known: bool) -> Result<Grant, Refusal> {
    let ask = &exchange.ask;
    if !known {
        let action = ask.get("Action").unwrap_or_default();
        let message = format!("unsupported action: {action}");
        return Err(Refusal::new(400, "InvalidAction", message));
    }
    if ask.get("WebIdentityToken").is_none() {
        return Err(missing("WebIdentityToken"));
    }
    let (name, good_name) = ask.session_name();
    let name = name.ok_or_else(|| missing("RoleSessionName"))?;
    if !good_name {
        return Err(invalid("invalid RoleSessionName"));
    }
    let asked_seconds = ask
        .seconds()
        .map_err(|()| invalid("invalid DurationSeconds"))?;
    let seconds = asked_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(SHORTEST_SECONDS..=LONGEST_SECONDS).contains(&seconds) {
        let message = format!(
            "DurationSeconds must be between {SHORTEST_SECONDS} and {LONGEST_SECONDS} seconds"
        );
        return Err(invalid(message));
    }
    let unavailable = || Refusal::new(503, "ServiceUnavailable", "STS service not initialized");
    if !exchange.settings.is_ready {
        return Err(unavailable());
    }
    let wrong = Refusal::new(400, "MalformedPolicyDocument", "invalid policy document");
    let session_policy = exchange.session_policy(&wrong)?;
    let claims = exchange.claims(0).map_err(|why| match why {
        Unbelieved::Unreachable => unavailable(),
        Unbelieved::Wrong(Wrong::Expired(_)) => Refusal::new(
            400,
            "ExpiredTokenException",
            "web identity token has expired",
        ),
        Unbelieved::Wrong(_) => invalid("web identity token validation failed"),
    })?;
    if !exchange.is_of_issuer(&claims) {
        return Err(invalid("invalid issuer"));
    }
    if !exchange.is_for_client(&claims, &["aud"]) {
        return Err(invalid("invalid audience"));
    }
    let denied = |message: &str| Refusal::new(403, "AccessDenied", message);
    let role = exchange.role();
    let policies = match (ask.get("RoleArn"), role) {
        (Some(_), Some((_, role))) if role.trusts => vec![role.policy.clone()],
        (Some(_), _) => return Err(denied("role is unknown, or does not trust the identity")),
        (None, _) => {
            let (_, policies) = exchange.policies_of_claim(&claims).unwrap_or_default();
            policies
        }
    };
    if policies.is_empty() {
        return Err(denied("no policies for the identity"));
    }
    Ok(Grant {
        seconds,
        asked_seconds,
        role_arn: role.map(|(arn, _)| arn.to_owned()),
        session_name: name.to_owned(),
        policies,
        session_policy,
        claims,
    })
}
