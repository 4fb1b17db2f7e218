//! The device flow: a code for the device, a page for its person.

use std::time::{Duration, Instant};

use serde_json::json;

use super::super::Reply;
use super::super::Seen;
use super::super::settings::Person;
use super::super::state::{Device, DeviceAnswer, State};
use super::authorize::CHALLENGE_LENGTH;
use super::{checked_form, token};

/// What `slow_down` adds to the interval.
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// A poll may come so much earlier than the interval says: clocks and networks are not exact.
const LENIENCY: Duration = Duration::from_millis(100);

/// Letters and digits that nobody mistakes for others.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

pub(super) fn begin(state: &mut State, seen: &Seen) -> Reply {
    let allowed = ["scope", "code_challenge", "code_challenge_method", "nonce"];
    let client = match checked_form(state, seen, &allowed) {
        Ok(client) => client,
        Err(reply) => return reply,
    };
    let parameter = |name: &str| seen.form.get(name).map_or("", String::as_str);
    if !state
        .settings
        .clients
        .get(&client)
        .is_some_and(|client| client.device_flow)
    {
        return Reply::error(
            400,
            "unauthorized_client",
            "Client is not allowed to initiate OAuth 2.0 Device Authorization Grant. The flow is disabled for the client.",
        );
    }
    if parameter("code_challenge_method") != "S256" {
        state.complain(seen, "no PKCE by S256");
        return Reply::error(
            400,
            "invalid_request",
            "Missing parameter: code_challenge_method",
        );
    }
    if parameter("code_challenge").len() != CHALLENGE_LENGTH {
        return Reply::error(400, "invalid_request", "Invalid parameter: code_challenge");
    }
    let scopes = match super::scopes(state, parameter("scope")) {
        Ok(scopes) => scopes,
        Err(description) => return Reply::error(400, "invalid_scope", &description),
    };
    if !scopes.contains("openid") {
        state.complain(seen, "the scope openid is missing");
    }
    let device_code = state.secret(32);
    let user_code = user_code();
    let settings = &state.settings;
    let page = format!("{}/device", state.issuer);
    let answer = Reply::json(
        200,
        &json!({
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={user_code}"),
            "expires_in": settings.device_code_seconds,
            "interval": settings.device_interval_seconds,
        }),
    );
    let device = Device {
        user_code,
        client,
        scopes,
        challenge: parameter("code_challenge").to_owned(),
        born: Instant::now(),
        polled: None,
        interval: Duration::from_secs(settings.device_interval_seconds),
        answer: DeviceAnswer::None,
    };
    state.devices.insert(device_code, device);
    answer
}

pub(super) fn poll(state: &mut State, seen: &Seen, client: &str) -> Reply {
    let refuse = |error: &str, description: &str| Reply::error(400, error, description);
    let life = Duration::from_secs(state.settings.device_code_seconds);
    let given = seen.form.get("device_code").map_or("", String::as_str);
    let Some(device) = state.devices.get_mut(given) else {
        return refuse("invalid_grant", "Device code not valid");
    };
    if device.client != client {
        return refuse("invalid_grant", "unauthorized client");
    }
    let last = device.polled.replace(Instant::now());
    let begun = last.unwrap_or(device.born);
    let too_fast = last.is_some() && begun.elapsed() + LENIENCY < device.interval;
    if device.answer == DeviceAnswer::None && device.born.elapsed() > life {
        device.answer = DeviceAnswer::Expired;
    }
    match device.answer {
        DeviceAnswer::Expired => return refuse("expired_token", "Device code is expired"),
        DeviceAnswer::No => {
            return refuse(
                "access_denied",
                "The end user denied the authorization request",
            );
        }
        DeviceAnswer::Used => {
            state.complain(seen, "a device code was used twice");
            return refuse("invalid_grant", "Device code not valid");
        }
        DeviceAnswer::None | DeviceAnswer::Yes => {}
    }
    if too_fast {
        device.interval += SLOW_DOWN;
        state.complain(seen, "polled faster than the interval");
        return refuse("slow_down", "Slow down");
    }
    if device.answer == DeviceAnswer::None {
        return refuse(
            "authorization_pending",
            "The authorization request is still pending",
        );
    }
    let (challenge, scopes) = (device.challenge.clone(), device.scopes.clone());
    if let Err(reply) = token::verify(state, seen, &challenge) {
        return reply;
    }
    if let Some(device) = state.devices.get_mut(given) {
        device.answer = DeviceAnswer::Used;
    }
    let session = state.log_in(scopes);
    token::issue(state, &session, client, None)
}

/// The page at `verification_uri_complete`, whose person answers at once.
pub(super) fn page(state: &mut State, seen: &Seen) -> Reply {
    let Some(user_code) = seen.query.get("user_code") else {
        return Reply::html(200, "<form>Enter the code</form>");
    };
    let answer = match state.settings.person {
        Person::Hesitates => return Reply::html(200, "<form>Grant access?</form>"),
        Person::Approves => true,
        Person::Denies => false,
    };
    if !state.answer_device(user_code, Some(answer)) {
        return Reply::html(200, "<p>Invalid code, please try again.</p>");
    }
    Reply::html(
        200,
        if answer {
            "<p>Device Login Successful</p>"
        } else {
            "<p>Consent denied</p>"
        },
    )
}

/// As people read it out: `BCDF-GHJK`.
fn user_code() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("because the kernel gives random bytes");
    let letters = bytes.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    let (left, right) = letters.split_at(4);
    [left, &['-'], right].concat().into_iter().collect()
}
