//! The login page, whose person answers at once.

use std::time::Instant;

use super::super::Reply;
use super::super::Seen;
use super::super::encode;
use super::super::settings::Person;
use super::super::state::{Code, State};

/// A SHA-256 digest in base64 has so many characters.
pub(super) const CHALLENGE_LENGTH: usize = 43;

/// 128 bits in base64, as the states and nonces of a careful client have at least.
const RANDOM_LENGTH: usize = 22;

pub(super) fn answer(state: &mut State, seen: &Seen) -> Reply {
    let parameter = |name: &str| seen.query.get(name).map_or("", String::as_str);
    let client = parameter("client_id").to_owned();
    let redirect_uri = parameter("redirect_uri").to_owned();
    let Some(known) = state.settings.clients.get(&client) else {
        state.complain(seen, format!("there is no client {client:?}"));
        return Reply::html(400, "<p>Client not found.</p>");
    };
    if !known
        .redirect_uris
        .iter()
        .any(|registered| fits(registered, &redirect_uri))
    {
        state.complain(seen, format!("{redirect_uri} is not registered"));
        return Reply::html(400, "<p>Invalid parameter: redirect_uri</p>");
    }
    let refuse = |state: &State, error: &str, description: &str| {
        let parameters = [("error", error), ("error_description", description)];
        back(state, seen, &parameters)
    };

    if parameter("response_type") != "code" {
        return refuse(state, "unsupported_response_type", "Invalid response_type");
    }
    if parameter("code_challenge_method").is_empty() {
        return refuse(
            state,
            "invalid_request",
            "Missing parameter: code_challenge_method",
        );
    }
    if parameter("code_challenge_method") != "S256" {
        return refuse(
            state,
            "invalid_request",
            "Invalid parameter: code challenge method is not matching the configured one",
        );
    }
    if parameter("code_challenge").len() != CHALLENGE_LENGTH {
        return refuse(
            state,
            "invalid_request",
            "Invalid parameter: code_challenge",
        );
    }
    let scopes = match super::scopes(state, parameter("scope")) {
        Ok(scopes) => scopes,
        Err(description) => return refuse(state, "invalid_scope", &description),
    };
    if parameter("prompt") == "none" {
        return back(state, seen, &[("error", "login_required")]);
    }
    match state.settings.person {
        Person::Denies => return back(state, seen, &[("error", "access_denied")]),
        Person::Hesitates => return Reply::html(200, "<form>Sign in to your account</form>"),
        Person::Approves => {}
    }
    if !scopes.contains("openid") {
        state.complain(seen, "the scope openid is missing");
    }
    for name in ["state", "nonce"] {
        if parameter(name).len() < RANDOM_LENGTH {
            state.complain(seen, format!("{name} has less than 128 bits"));
        }
    }
    if state
        .codes
        .values()
        .any(|code| code.challenge == parameter("code_challenge"))
    {
        state.complain(seen, "a code challenge was used before");
    }
    let code = state.secret(48);
    let session = state.log_in(scopes);
    state.secrets.insert(parameter("state").to_owned());
    let nonce = seen.query.get("nonce").cloned();
    state.secrets.extend(nonce.clone());
    let record = Code {
        session: session.clone(),
        client,
        redirect_uri,
        challenge: parameter("code_challenge").to_owned(),
        nonce,
        born: Instant::now(),
        used: false,
    };
    state.codes.insert(code.clone(), record);
    back(state, seen, &[("session_state", &session), ("code", &code)])
}

/// The way back to the client, with the state and the issuer, or what lies make of them.
fn back(state: &State, seen: &Seen, parameters: &[(&str, &str)]) -> Reply {
    let parameter = |name: &str| seen.query.get(name).map_or("", String::as_str);
    let lies = &state.settings.lies;
    let answered_state = lies.callback_state.as_deref();
    let issuer = lies.callback_issuer.as_deref().unwrap_or(&state.issuer);
    let mut location = format!(
        "{}?state={}",
        parameter("redirect_uri"),
        encode(answered_state.unwrap_or(parameter("state")))
    );
    if !issuer.is_empty() {
        location.push_str(&format!("&iss={}", encode(issuer)));
    }
    for (name, value) in parameters {
        location.push_str(&format!("&{name}={}", encode(value)));
    }
    Reply::redirect(302, &location)
}

/// As Keycloak compares them: the port of one on 127.0.0.1 does not count.
fn fits(registered: &str, given: &str) -> bool {
    const LOOPBACK: &str = "http://127.0.0.1";
    let path = |uri: &str| {
        let rest = uri.strip_prefix(LOOPBACK)?;
        let (port, path) = rest.split_once('/')?;
        let digits = port.strip_prefix(':').unwrap_or(port);
        digits
            .bytes()
            .all(|digit| digit.is_ascii_digit())
            .then(|| path.to_owned())
    };
    registered == given || (path(registered).is_some() && path(registered) == path(given))
}

#[test]
fn only_the_port_of_loopback_may_differ() {
    let registered = "http://127.0.0.1/callback";
    assert!(fits(registered, "http://127.0.0.1:40123/callback"));
    for wrong in [
        "http://127.0.0.1:40123/other",
        "http://localhost:40123/callback",
        "http://127.0.0.1.example.org/callback",
        "http://127.0.0.1:1@example.org/callback",
        "https://127.0.0.1/callback",
    ] {
        assert!(!fits(registered, wrong), "{wrong}");
    }
}
