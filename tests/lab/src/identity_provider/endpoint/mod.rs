//! What can be asked of the provider.

mod authorize;
mod device;
mod leave;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::REALM;
use super::Reply;
use super::Seen;
use super::state::{Session, State};

/// What a request is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Endpoint {
    /// The discovery document.
    Discovery,
    /// The public keys.
    Keys,
    /// The login page.
    Authorize,
    /// The beginning of a device login.
    DeviceAuthorization,
    /// The page for device codes.
    Verification,
    /// A code for tokens.
    RedeemCode,
    /// A refresh token for tokens.
    Refresh,
    /// A device asks whether its person has answered.
    PollDevice,
    /// The end of a refresh token.
    Revoke,
    /// The end of the session, SSO included.
    Logout,
    /// The claims of an access token's owner.
    UserInfo,
    /// Nothing that belongs here.
    Unknown,
}

impl Endpoint {
    pub(super) fn of(method: &str, path: &str, form: &BTreeMap<String, String>) -> Self {
        let Some(below) = path.strip_prefix(REALM) else {
            return Self::Unknown;
        };
        match (method, below) {
            ("GET", "/.well-known/openid-configuration") => Self::Discovery,
            ("GET", "/protocol/openid-connect/certs") => Self::Keys,
            ("GET", "/protocol/openid-connect/auth") => Self::Authorize,
            ("POST", "/protocol/openid-connect/auth/device") => Self::DeviceAuthorization,
            ("GET", "/device") => Self::Verification,
            ("POST", "/protocol/openid-connect/token") => {
                match form.get("grant_type").map(String::as_str) {
                    Some("authorization_code") => Self::RedeemCode,
                    Some("refresh_token") => Self::Refresh,
                    Some("urn:ietf:params:oauth:grant-type:device_code") => Self::PollDevice,
                    _ => Self::Unknown,
                }
            }
            ("POST", "/protocol/openid-connect/revoke") => Self::Revoke,
            ("GET" | "POST", "/protocol/openid-connect/logout") => Self::Logout,
            ("GET" | "POST", "/protocol/openid-connect/userinfo") => Self::UserInfo,
            _ => Self::Unknown,
        }
    }
}

/// Carries a request out.
pub(super) fn carry_out(state: &mut State, seen: &Seen) -> Reply {
    match seen.endpoint {
        Endpoint::Discovery => discovery(state),
        Endpoint::Keys => Reply::json(200, &state.keys.set()),
        Endpoint::Authorize => authorize::answer(state, seen),
        Endpoint::DeviceAuthorization => device::begin(state, seen),
        Endpoint::Verification => device::page(state, seen),
        Endpoint::RedeemCode | Endpoint::Refresh | Endpoint::PollDevice => {
            token::answer(state, seen)
        }
        Endpoint::Revoke => leave::revoke(state, seen),
        Endpoint::Logout => leave::log_out(state, seen),
        Endpoint::UserInfo => user_info(state, seen),
        Endpoint::Unknown if seen.path.ends_with("/protocol/openid-connect/token") => {
            token::answer(state, seen)
        }
        Endpoint::Unknown => {
            state.complain(seen, "there is no such page");
            Reply::json(
                404,
                &json!({"error": "Unable to find matching target resource method"}),
            )
        }
    }
}

fn discovery(state: &State) -> Reply {
    let base = format!("{}/protocol/openid-connect", state.issuer);
    let issuer = state.settings.lies.discovery_issuer.as_ref();
    Reply::json(
        200,
        &json!({
            "issuer": issuer.unwrap_or(&state.issuer),
            "authorization_endpoint": format!("{base}/auth"),
            "token_endpoint": format!("{base}/token"),
            "jwks_uri": format!("{base}/certs"),
            "userinfo_endpoint": format!("{base}/userinfo"),
            "end_session_endpoint": format!("{base}/logout"),
            "revocation_endpoint": format!("{base}/revoke"),
            "device_authorization_endpoint": format!("{base}/auth/device"),
            "grant_types_supported": [
                "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "subject_types_supported": ["public"],
            // As Keycloak: all that it could do, which is no reason to accept it.
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["none"],
            "scopes_supported": ["openid", "profile", "email", "offline_access", "minio", "vault"],
            "claims_supported": ["aud", "sub", "iss", "preferred_username", "groups"],
            "code_challenge_methods_supported": ["plain", "S256"],
            "authorization_response_iss_parameter_supported": true,
        }),
    )
}

fn user_info(state: &State, seen: &Seen) -> Reply {
    let session = seen
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| state.access_tokens.get(token))
        .and_then(|session| state.sessions.get(session))
        .filter(|session| session.lives());
    match session {
        Some(Session { user, .. }) => Reply::json(
            200,
            &json!({"sub": user.subject, "preferred_username": user.name, "groups": user.groups}),
        ),
        None => Reply::empty(401).header(
            "www-authenticate",
            r#"Bearer realm="datalab", error="invalid_token", error_description="user_session_not_found""#,
        ),
    }
}

/// The scopes of a request, or the answer to those that there are not.
fn scopes(state: &State, text: &str) -> Result<BTreeSet<String>, String> {
    const KNOWN: [&str; 4] = ["openid", "profile", "email", "offline_access"];
    let asked: BTreeSet<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    let known = |scope: &String| {
        KNOWN.contains(&scope.as_str()) || state.settings.audiences.contains_key(scope)
    };
    if asked.iter().all(known) {
        Ok(asked)
    } else if state.settings.passes_over_unknown_scopes {
        Ok(asked.into_iter().filter(known).collect())
    } else {
        Err(format!("Invalid scopes: {text}"))
    }
}

/// A form, from a client that is known, with these parameters and no others; or what is answered.
fn checked_form<'a>(state: &mut State, seen: &'a Seen, allowed: &[&str]) -> Result<&'a str, Reply> {
    let kind = seen.header("content-type").unwrap_or_default();
    if !seen.is_form() {
        state.complain(seen, format!("{kind:?} is not a form"));
        return Err(Reply::json(
            415,
            &json!({"error": "HTTP 415 Unsupported Media Type"}),
        ));
    }
    let pairs = crate::loopback::pairs(&seen.text());
    if pairs.len() != seen.form.len() {
        state.complain(seen, "a parameter stands twice");
        return Err(Reply::error(400, "invalid_request", "duplicated parameter"));
    }
    if let Some((name, _)) = pairs
        .iter()
        .find(|(name, _)| name != "client_id" && !allowed.contains(&name.as_str()))
    {
        state.complain(seen, format!("the parameter {name} does not belong here"));
        return Err(Reply::error(
            400,
            "invalid_request",
            &format!("Unexpected parameter: {name}"),
        ));
    }
    if !seen.query.is_empty() {
        state.complain(seen, "parameters in the URL are written to logs");
        return Err(Reply::error(
            400,
            "invalid_request",
            "query parameters are not allowed",
        ));
    }
    let client = seen.form.get("client_id").map(String::as_str);
    match client.filter(|client| state.settings.clients.contains_key(*client)) {
        Some(client) => Ok(client),
        None => {
            state.complain(seen, "no client, or none that is known");
            Err(Reply::error(
                401,
                "invalid_client",
                "Invalid client or Invalid client credentials",
            ))
        }
    }
}
