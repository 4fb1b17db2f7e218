//! The end of tokens and sessions.

use serde_json::json;

use super::super::Reply;
use super::super::Seen;
use super::super::state::State;
use super::checked_form;

pub(super) fn revoke(state: &mut State, seen: &Seen) -> Reply {
    let client = match checked_form(state, seen, &["token", "token_type_hint"]) {
        Ok(client) => client,
        Err(reply) => return reply,
    };
    let given = seen.form.get("token").map_or("", String::as_str);
    let session = match state.refresh_tokens.get(given) {
        Some(record) if record.client == client => Some(record.session.clone()),
        Some(_) => None,
        None => state.access_tokens.get(given).cloned(),
    };
    match session.and_then(|session| state.sessions.get_mut(&session)) {
        Some(session) => {
            session.end();
            Reply::empty(200)
        }
        None => Reply::json(
            200,
            &json!({"error": "invalid_token", "error_description": "Invalid token"}),
        ),
    }
}

pub(super) fn log_out(state: &mut State, seen: &Seen) -> Reply {
    if seen.method == "GET" {
        return Reply::html(200, "<p>Do you want to log out?</p>");
    }
    let allowed = ["refresh_token", "id_token_hint"];
    let client = match checked_form(state, seen, &allowed) {
        Ok(client) => client,
        Err(reply) => return reply,
    };
    if state.settings.asks_at_logout {
        return Reply::html(200, "<p>Do you want to log out?</p>");
    }
    let given = seen.form.get("refresh_token").map_or("", String::as_str);
    match state.refresh_tokens.get(given) {
        Some(record) if record.client == client => {
            let session = record.session.clone();
            if let Some(session) = state.sessions.get_mut(&session) {
                session.end();
            }
            Reply::empty(204)
        }
        _ => Reply::error(400, "invalid_grant", "Invalid refresh token"),
    }
}
