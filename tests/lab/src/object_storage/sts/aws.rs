//! AWS, by its API's model and as VersityGW 1.8 was seen to answer.

use super::super::Seen;
use super::super::credentials::Grant;
use super::super::jwt::Wrong;
use super::request::LONGEST_POLICY;
use super::{Exchange, Refusal, Unbelieved};

/// What a role gives unless something else is asked for.
const DEFAULT_SECONDS: u64 = 3600;

/// The shortest life, and the longest of any role.
const SHORTEST_SECONDS: u64 = 900;
const LONGEST_SECONDS: u64 = 43_200;

/// A token that ended so long ago is still taken.
const LEEWAY_SECONDS: i64 = 300;

/// Tokens have between 4 and so many characters.
const LONGEST_TOKEN: usize = 20_000;

fn invalid(name: &str, value: Option<&str>, must: &str) -> Refusal {
    let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
    let message = format!(
        "1 validation error detected: Value {value} at '{name}' failed to satisfy constraint: Member must {must}"
    );
    Refusal::new(400, "ValidationError", message)
}

fn denied() -> Refusal {
    let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    Refusal::new(403, "AccessDenied", message)
}

fn not_valid() -> Refusal {
    let message = "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for requirements.";
    Refusal::new(400, "InvalidIdentityToken", message)
}

pub(super) fn grant(exchange: &Exchange<'_>, seen: &Seen, known: bool) -> Result<Grant, Refusal> {
    let ask = &exchange.ask;
    let is_form = seen.is_form() || !seen.query.is_empty();
    match ask.get("Version") {
        _ if !is_form || !known => {
            let message = "Request is missing Authentication Token";
            return Err(Refusal::new(403, "MissingAuthenticationToken", message));
        }
        Some("2011-06-15") => {}
        version => {
            let version = version.unwrap_or("NO_VERSION_SPECIFIED");
            let message =
                format!("Could not find operation AssumeRoleWithWebIdentity for version {version}");
            return Err(Refusal::new(400, "InvalidAction", message));
        }
    }
    let token = ask.get("WebIdentityToken");
    if !token.is_some_and(|token| (4..=LONGEST_TOKEN).contains(&token.len())) {
        return Err(match token {
            None => invalid("webIdentityToken", None, "not be null"),
            Some(_) => invalid(
                "webIdentityToken",
                Some("***"),
                "have length less than or equal to 20000",
            ),
        });
    }
    let arn = ask.get("RoleArn");
    if !arn.is_some_and(|arn| (20..=2048).contains(&arn.len())) {
        let must = match arn {
            None => "not be null",
            Some(_) => "have length greater than or equal to 20",
        };
        return Err(invalid("roleArn", arn, must));
    }
    let (name, good_name) = ask.session_name();
    if !good_name {
        let must = match name {
            None => "not be null",
            Some(_) => r"satisfy regular expression pattern: [\w+=,.@-]*",
        };
        return Err(invalid("roleSessionName", name, must));
    }
    let asked_seconds = ask
        .seconds()
        .map_err(|()| Refusal::new(400, "MalformedInput", ""))?;
    let seconds = asked_seconds.unwrap_or(DEFAULT_SECONDS);
    if seconds < SHORTEST_SECONDS {
        let must = format!("have value greater than or equal to {SHORTEST_SECONDS}");
        return Err(invalid(
            "durationSeconds",
            Some(&seconds.to_string()),
            &must,
        ));
    }
    if seconds > LONGEST_SECONDS {
        let must = format!("have value less than or equal to {LONGEST_SECONDS}");
        return Err(invalid(
            "durationSeconds",
            Some(&seconds.to_string()),
            &must,
        ));
    }
    if ask
        .get("Policy")
        .is_some_and(|policy| policy.len() > LONGEST_POLICY)
    {
        return Err(invalid(
            "policy",
            Some("***"),
            "have length less than or equal to 2048",
        ));
    }
    let claims = exchange
        .claims(LEEWAY_SECONDS)
        .map_err(|why| unbelieved(&why, exchange.now()))?;
    if !exchange.is_of_issuer(&claims) {
        let message = "No OpenIDConnect provider found in your account for the issuer of the token";
        return Err(Refusal::new(400, "InvalidIdentityToken", message));
    }
    // The authorized party counts, and the audience only without one.
    let party: &[&str] = match claims.contains_key("azp") {
        true => &["azp"],
        false => &["aud"],
    };
    if !exchange.is_for_client(&claims, party) {
        return Err(not_valid());
    }
    let (arn, role) = exchange.role().ok_or_else(denied)?;
    if !role.trusts {
        return Err(denied());
    }
    if seconds > role.longest_seconds {
        let message =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Refusal::new(400, "ValidationError", message));
    }
    let wrong = Refusal::new(400, "MalformedPolicyDocument", "Syntax errors in policy.");
    let session_policy = exchange.session_policy(&wrong)?;
    Ok(Grant {
        seconds,
        asked_seconds,
        role_arn: Some(arn.to_owned()),
        session_name: name.unwrap_or_default().to_owned(),
        policies: vec![role.policy.clone()],
        session_policy,
        claims,
    })
}

fn unbelieved(why: &Unbelieved, now: i64) -> Refusal {
    match why {
        Unbelieved::Unreachable => {
            let message = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
            Refusal::new(400, "IDPCommunicationError", message)
        }
        Unbelieved::Wrong(Wrong::Malformed) => {
            let message = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
            Refusal::new(400, "InvalidIdentityToken", message)
        }
        Unbelieved::Wrong(Wrong::Expired(end)) => {
            let message = format!(
                "Token expired: current date/time {now} must be before the expiration date/time {end}"
            );
            Refusal::new(400, "ExpiredTokenException", message)
        }
        Unbelieved::Wrong(_) => not_valid(),
    }
}
