//! The answer of the token endpoint when everything is in order.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{Algorithm as Hash, digest};
use serde_json::{Value, json};

use super::state::State;
use super::{Error, Reply};
use crate::loopback::random;

/// What the tokens are made for.
pub(super) struct Grant<'a> {
    pub(super) session: &'a str,
    /// The client that asks.
    pub(super) client: &'a str,
    /// What it may do now; never more than the session.
    pub(super) scopes: BTreeSet<String>,
    /// Of the request for the code.
    pub(super) nonce: Option<String>,
    /// The refresh token that is answered, if any.
    pub(super) refresh_token: Option<String>,
    /// An ID token is answered.
    pub(super) id_token: bool,
}

/// The tokens.
pub(super) fn answer(state: &mut State, grant: &Grant<'_>) -> Reply {
    match tokens(state, grant) {
        Ok(body) => Reply::json(200, &body),
        Err(error) => Reply::error(500, "server_error", &error.to_string()),
    }
}

fn tokens(state: &mut State, grant: &Grant<'_>) -> Result<Value, Error> {
    let settings = state.settings.clone();
    let lies = &settings.lies;
    let now = state.now();
    let user = state
        .sessions
        .get(grant.session)
        .map_or_else(|| settings.user.clone(), |session| session.user.clone());
    // Groups are those of now: administrators change them within a session.
    let groups = if user.name == settings.user.name {
        &settings.user.groups
    } else {
        &user.groups
    };
    let mut common = json!({
        "iss": lies.token_issuer.as_ref().unwrap_or(&state.issuer),
        "sub": lies.subject.as_ref().unwrap_or(&user.subject),
        "azp": lies.authorized_party.as_deref().unwrap_or(grant.client),
        "exp": now + settings.access_token_seconds + lies.expires_later_seconds,
        "iat": now + lies.issued_later_seconds,
        "auth_time": now,
        "sid": grant.session,
        "preferred_username": user.name,
        "groups": groups,
    });

    let mut audience = vec!["account".to_owned(), grant.client.to_owned()];
    audience.extend(
        grant
            .scopes
            .iter()
            .filter_map(|scope| settings.audiences.get(scope).cloned()),
    );
    common["jti"] = json!(random(12));
    common["typ"] = json!("Bearer");
    common["aud"] = json!(audience);
    let scope = grant.scopes.iter().cloned().collect::<Vec<_>>().join(" ");
    common["scope"] = json!(scope);
    override_claims(&mut common, &settings.claims);
    let mut claims = common.clone();
    override_claims(&mut claims, &settings.access_token_claims);
    let access_token = state.keys.sign(&claims, lies)?;

    let mut body = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": settings.access_token_seconds,
        "refresh_expires_in": settings.refresh_token_seconds,
        "not-before-policy": 0,
        "session_state": grant.session,
        "scope": scope,
    });
    if let Some(refresh_token) = &grant.refresh_token {
        body["refresh_token"] = json!(refresh_token);
    }
    if grant.id_token {
        let mut claims = common;
        claims["jti"] = json!(random(12));
        claims["typ"] = json!("ID");
        claims["at_hash"] = json!(match &lies.access_token_hash {
            Some(hash) => hash.clone(),
            None => access_token_hash(&access_token, state.keys.hash()),
        });
        claims["aud"] = match &lies.audience {
            Some(audience) if audience.len() == 1 => json!(audience[0]),
            Some(audience) => json!(audience),
            None => json!(grant.client),
        };
        if let Some(fields) = claims.as_object_mut() {
            fields.remove("scope");
            match lies.nonce.as_ref().or(grant.nonce.as_ref()) {
                Some(nonce) if !nonce.is_empty() => {
                    fields.insert("nonce".to_owned(), json!(nonce));
                }
                _ => {}
            }
        }
        override_claims(&mut claims, &settings.claims);
        let id_token = state.keys.sign(&claims, lies)?;
        state.secrets.insert(id_token.clone());
        body["id_token"] = json!(id_token);
    }
    state.secrets.insert(access_token.clone());
    state
        .access_tokens
        .insert(access_token, grant.session.to_owned());
    Ok(body)
}

/// Puts claims in, over what is there; null takes one away.
fn override_claims(claims: &mut Value, by: &BTreeMap<String, Value>) {
    let Some(fields) = claims.as_object_mut() else {
        return;
    };
    for (name, value) in by {
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.clone(), value.clone()),
        };
    }
}

/// An access token for this client, without a login: for programs that are handed one.
pub(super) fn mint(state: &mut State, client: &str, scopes: &[&str]) -> Result<String, Error> {
    let scopes: BTreeSet<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let session = state.log_in(scopes.clone());
    let grant = Grant {
        session: &session,
        client,
        scopes,
        nonce: None,
        refresh_token: None,
        id_token: false,
    };
    let tokens = tokens(state, &grant)?;
    Ok(tokens["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// The left half of the digest: OpenID Connect Core, section 3.1.3.6.
fn access_token_hash(token: &str, hash: &'static Hash) -> String {
    let digest = digest(hash, token.as_bytes());
    BASE64URL_NOPAD.encode(&digest.as_ref()[..hash.output_len() / 2])
}
