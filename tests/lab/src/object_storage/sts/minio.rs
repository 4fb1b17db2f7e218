//! MinIO, and its forks.

use super::super::Seen;
use super::super::credentials::Grant;
use super::super::jwt::{self, Wrong};
use super::request::{LONGEST_POLICY, said};
use super::{Exchange, Refusal, Unbelieved};

/// The longest life, a year.
const LONGEST_SECONDS: u64 = 31_536_000;

/// The shortest, a quarter of an hour.
const SHORTEST_SECONDS: u64 = 900;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", message)
}

pub(super) fn grant(exchange: &Exchange<'_>, seen: &Seen, known: bool) -> Result<Grant, Refusal> {
    let (settings, ask) = (exchange.settings, &exchange.ask);
    let mixed = !seen.query.is_empty() && !seen.body.is_empty();
    let signed = seen.header("authorization").is_some();
    if signed || mixed || (seen.query.is_empty() && !seen.is_form()) {
        // None of these is routed to this call.
        return Err(invalid("Unsupported action"));
    }
    let version = ask.given("Version").unwrap_or_default();
    if version != "2011-06-15" {
        let message = format!("Invalid STS API version {version}, expecting 2011-06-15");
        return Err(Refusal::new(400, "MissingParameter", message));
    }
    if !known {
        let action = ask.given("Action").unwrap_or_default();
        return Err(invalid(format!("Unsupported action {action}")));
    }
    let role = exchange.role();
    if let (Some(arn), None) = (ask.get("RoleArn"), role)
        && !settings.ignores_unknown_roles
    {
        return Err(invalid(format!(
            "Error processing RoleArn parameter: Role {arn} is not defined."
        )));
    }
    if !settings.is_ready {
        let message = "STS API not initialized, please try again.";
        return Err(Refusal::new(503, "STSNotInitialized", message));
    }
    let claims = exchange.claims(0).map_err(unbelieved)?;
    if !claims.contains_key("sub") {
        return Err(invalid("STS JWT Token has `sub` claim missing"));
    }
    // Audience first: without any, a fitting authorized party does not help.
    let message = |name: &str| {
        format!(
            "STS JWT Token has `{name}` claim invalid, `{name}` must match configured OpenID Client ID"
        )
    };
    if jwt::values(&claims, "aud").is_none() {
        return Err(invalid(message("aud")));
    }
    if !exchange.is_for_client(&claims, &["aud", "azp"]) {
        return Err(invalid(message("azp")));
    }
    let asked_seconds = ask
        .seconds()
        .map_err(|()| invalid("invalid token expiry"))?;
    if asked_seconds.is_some_and(|asked| !(SHORTEST_SECONDS..=LONGEST_SECONDS).contains(&asked)) {
        return Err(invalid("invalid token expiry"));
    }
    let policies = match role {
        Some((_, role)) => vec![role.policy.clone()],
        None => {
            let claim = &settings.policy_claim;
            let missing = || {
                invalid(format!(
                    "{claim} claim missing from the JWT token, credentials will not be generated"
                ))
            };
            let (names, known) = exchange.policies_of_claim(&claims).ok_or_else(missing)?;
            if known.is_empty() {
                return Err(invalid(format!(
                    "None of the given policies (`{}`) are defined, credentials will not be generated",
                    names.join(",")
                )));
            }
            known
        }
    };
    if ask
        .get("Policy")
        .is_some_and(|policy| policy.len() > LONGEST_POLICY)
    {
        return Err(invalid("Session policy should not exceed 2048 characters"));
    }
    let session_policy = exchange.session_policy(&invalid("invalid session policy"))?;
    let left = claims["exp"].as_i64().unwrap_or_default() - exchange.now();
    let left = u64::try_from(left).unwrap_or_default();
    let seconds = match asked_seconds {
        Some(asked) if settings.cuts_to_token => asked.min(left),
        Some(asked) => asked,
        None => left,
    };
    if settings
        .longest_seconds_by_policy
        .is_some_and(|most| seconds > most)
    {
        return Err(Refusal::new(403, "AccessDenied", "Access Denied."));
    }
    Ok(Grant {
        seconds,
        asked_seconds,
        role_arn: role.map(|(arn, _)| arn.to_owned()),
        session_name: said(&claims, "sub"),
        policies,
        session_policy,
        claims,
    })
}

fn unbelieved(why: Unbelieved) -> Refusal {
    let wrong = match why {
        Unbelieved::Wrong(wrong) => wrong,
        Unbelieved::Unreachable => {
            let message = "STS API not initialized, please try again.";
            return Refusal::new(503, "STSNotInitialized", message);
        }
    };
    invalid(match wrong {
        Wrong::Malformed => "token contains an invalid number of segments".to_owned(),
        Wrong::Algorithm(name) => format!("signing method {name} is invalid"),
        Wrong::UnknownKey(id) => format!("No public key found for kid {id}"),
        Wrong::Signature { rsa: true } => "crypto/rsa: verification error".to_owned(),
        Wrong::Signature { rsa: false } => "crypto/ecdsa: verification error".to_owned(),
        Wrong::Expired(_) => "Token is expired".to_owned(),
        Wrong::NotYet => "Token is not valid yet".to_owned(),
        Wrong::IssuedLater => "Token used before issued".to_owned(),
    })
}
