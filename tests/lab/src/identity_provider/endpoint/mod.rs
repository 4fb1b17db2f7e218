//! What can be asked of the provider.

mod authorize;
mod device;
mod leave;
mod token;

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use serde_json::json;

use super::REALM;
use super::Reply;
use super::Seen;
use super::decode;
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
            // Both, whichever a client is registered with: as most do.
            "token_endpoint_auth_methods_supported": [
                "none", "client_secret_basic", "client_secret_post",
            ],
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
fn checked_form(state: &mut State, seen: &Seen, allowed: &[&str]) -> Result<String, Reply> {
    const OF_ITSELF: [&str; 2] = ["client_id", "client_secret"];
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
        .find(|(name, _)| !OF_ITSELF.contains(&name.as_str()) && !allowed.contains(&name.as_str()))
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
    let in_form = seen.form.get("client_secret");
    let (in_header, client) = match basic(seen) {
        Some((client, secret)) => (Some(secret), Some(client)),
        None => (None, seen.form.get("client_id").cloned()),
    };
    let refusal = Reply::error(
        401,
        "invalid_client",
        "Invalid client or Invalid client credentials",
    );
    let known = client.and_then(|client| Some((state.settings.clients.get(&client)?, client)));
    let Some((known, client)) = known else {
        state.complain(seen, "no client, or none that is known");
        return Err(refusal);
    };
    let given = match known.secret_in_form {
        true => in_form,
        false => in_header.as_ref(),
    };
    match &known.secret {
        // The right one in the wrong place, among others: the client may not know better.
        Some(secret) if given != Some(secret) => Err(refusal),
        None if in_form.is_some() || in_header.is_some() => {
            state.complain(seen, "a public client has no secret");
            Err(refusal)
        }
        _ => Ok(client),
    }
}

/// The client and its secret in the header: RFC 6749, section 2.3.1.
fn basic(seen: &Seen) -> Option<(String, String)> {
    let encoded = seen.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    Some((decode(client), decode(secret)))
}
