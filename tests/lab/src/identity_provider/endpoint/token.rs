//! The token endpoint: a code, a device code or a refresh token for tokens.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};

use super::super::Reply;
use super::super::Seen;
use super::super::state::State;
use super::super::token::{self, Grant};
use super::{Endpoint, checked_form, device};

pub(super) fn answer(state: &mut State, seen: &Seen) -> Reply {
    let allowed: &[&str] = match seen.endpoint {
        Endpoint::RedeemCode => &["grant_type", "code", "redirect_uri", "code_verifier"],
        Endpoint::Refresh => &["grant_type", "refresh_token", "scope"],
        Endpoint::PollDevice => &["grant_type", "device_code", "code_verifier"],
        _ => &["grant_type"],
    };
    if !seen.form.contains_key("grant_type") {
        state.complain(seen, "no grant type");
        return Reply::error(400, "invalid_request", "Missing form parameter: grant_type");
    }
    let client = match checked_form(state, seen, allowed) {
        Ok(client) => client,
        Err(reply) => return reply,
    };
    match seen.endpoint {
        Endpoint::RedeemCode => redeem(state, seen, &client),
        Endpoint::Refresh => refresh(state, seen, &client),
        Endpoint::PollDevice => device::poll(state, seen, &client),
        _ => Reply::error(400, "unsupported_grant_type", "Unsupported grant_type"),
    }
}

fn redeem(state: &mut State, seen: &Seen, client: &str) -> Reply {
    let refuse = |description: &str| Reply::error(400, "invalid_grant", description);
    let life = Duration::from_secs(state.settings.code_seconds);
    let given = seen.form.get("code").map_or("", String::as_str);
    let Some(code) = state.codes.get_mut(given) else {
        state.complain(seen, "a code that was never given out");
        return refuse("Code not valid");
    };
    let session = code.session.clone();
    if std::mem::replace(&mut code.used, true) {
        if let Some(session) = state.sessions.get_mut(&session) {
            session.punish();
        }
        state.complain(seen, "a code was used twice");
        return refuse("Code not valid");
    }
    if code.born.elapsed() > life || code.client != client {
        return refuse("Code not valid");
    }
    if seen.form.get("redirect_uri") != Some(&code.redirect_uri) {
        state.complain(seen, "another redirect_uri than the code was asked with");
        return refuse("Incorrect redirect_uri");
    }
    let (challenge, nonce) = (code.challenge.clone(), code.nonce.clone());
    if let Err(reply) = verify(state, seen, &challenge) {
        return reply;
    }
    issue(state, &session, client, nonce)
}

/// The first tokens of a session.
pub(super) fn issue(
    state: &mut State,
    session: &str,
    client: &str,
    nonce: Option<String>,
) -> Reply {
    let scopes = match state.sessions.get(session) {
        Some(session) if session.lives() => session.scopes.clone(),
        _ => return Reply::error(400, "invalid_grant", "Session not active"),
    };
    let renewable = !state.settings.refreshes_offline_only || scopes.contains("offline_access");
    let refresh_token = renewable.then(|| state.new_refresh_token(session, client));
    let grant = Grant {
        session,
        client,
        id_token: scopes.contains("openid"),
        scopes,
        nonce,
        refresh_token,
    };
    token::answer(state, &grant)
}

/// PKCE, and nothing but S256.
pub(super) fn verify(state: &mut State, seen: &Seen, challenge: &str) -> Result<(), Reply> {
    let refuse = |description: &str| Err(Reply::error(400, "invalid_grant", description));
    let Some(verifier) = seen.form.get("code_verifier") else {
        state.complain(seen, "no code verifier");
        return refuse("PKCE code verifier not specified");
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(plain) {
        state.complain(seen, "not a code verifier");
        return refuse("PKCE verification failed: Invalid code verifier");
    }
    let digest = digest(&SHA256, verifier.as_bytes());
    if BASE64URL_NOPAD.encode(digest.as_ref()) != challenge {
        state.complain(seen, "the code verifier does not fit");
        return refuse("PKCE verification failed: Code mismatch");
    }
    Ok(())
}

fn refresh(state: &mut State, seen: &Seen, client: &str) -> Reply {
    let refuse = |description: &str| Reply::error(400, "invalid_grant", description);
    let rotates = state.settings.rotates;
    let patience = state.session_patience();
    let given = seen.form.get("refresh_token").map_or("", String::as_str);
    let Some(record) = state.refresh_tokens.get_mut(given) else {
        return refuse("Invalid refresh token");
    };
    if record.client != client {
        return refuse("Invalid refresh token. Token client and authorized client don't match");
    }
    let session_id = record.session.clone();
    let used = record.used;
    let Some(session) = state.sessions.get_mut(&session_id) else {
        return refuse("Session not active");
    };
    if session.is_punished() {
        return refuse("Session doesn't have required client");
    }
    if !session.lives() {
        return refuse("Session not active");
    }
    if used && rotates {
        session.punish();
        state.complain(seen, "a refresh token was used twice");
        return refuse("Maximum allowed refresh token reuse exceeded");
    }
    let granted = session.scopes.clone();
    let asked = seen.form.get("scope").map_or("", String::as_str);
    if state.settings.passes_over_unknown_scopes {
        let unknown = asked.split_ascii_whitespace();
        if unknown.filter(|scope| !granted.contains(*scope)).count() > 0 {
            let description = "refresh token missing requested scope";
            return Reply::error(400, "invalid_scope", description);
        }
    }
    let scopes = match super::scopes(state, asked) {
        // RFC 6749, section 6: those that were granted.
        Ok(_) if state.settings.passes_over_unknown_scopes && asked.is_empty() => granted,
        Ok(scopes) if scopes.is_subset(&granted) => scopes,
        _ => {
            state.complain(seen, format!("scopes beyond those of the login: {asked}"));
            let description = format!("Invalid scopes: {asked}");
            return Reply::error(400, "invalid_scope", &description);
        }
    };
    if !scopes.contains("openid") {
        // As older Keycloaks do it: no scope, no ID token.
        state.complain(seen, "a refresh without the scope openid");
    }
    if let Some(session) = state.sessions.get_mut(&session_id) {
        session.touch(patience);
    }
    let refresh_token = if rotates {
        if let Some(record) = state.refresh_tokens.get_mut(given) {
            record.used = true;
        }
        let new = state.new_refresh_token(&session_id, client);
        Some(new)
    } else {
        Some(given.to_owned())
    };
    let settings = &state.settings;
    let grant = Grant {
        session: &session_id,
        client,
        id_token: scopes.contains("openid") && settings.returns_id_token_on_refresh,
        refresh_token: refresh_token.filter(|_| settings.returns_refresh_token),
        scopes,
        nonce: None,
    };
    token::answer(state, &grant)
}
