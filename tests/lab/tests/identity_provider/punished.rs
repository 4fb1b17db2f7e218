//! What a client gets that does something wrong.

use std::thread;

use crate::visitor::{REDIRECT, VERIFIER, Visitor, assert_error};

const CODE: (&str, &str) = ("grant_type", "authorization_code");
const CLIENT: (&str, &str) = ("client_id", "kubernetes");

#[test]
fn a_refresh_token_serves_once_and_a_second_use_ends_the_session() {
    let visitor = Visitor::new();
    let first = visitor.logged_in();
    let (_, tokens) = visitor.refresh(&first);
    let second = tokens["refresh_token"].as_str().unwrap();
    let description = "Maximum allowed refresh token reuse exceeded";
    assert_error(visitor.refresh(&first), 400, "invalid_grant", description);
    let description = "Session doesn't have required client";
    assert_error(visitor.refresh(second), 400, "invalid_grant", description);
    assert_eq!(visitor.provider.punished_sessions(), 1);
    assert_eq!(visitor.provider.live_sessions(), 0);
}

#[test]
fn of_eight_refreshes_at_once_one_wins_and_the_session_is_dead() {
    let visitor = Visitor::new();
    let token = visitor.logged_in();
    let won = thread::scope(|scope| {
        let refreshes = (0..8)
            .map(|_| scope.spawn(|| visitor.refresh(&token).0))
            .collect::<Vec<_>>();
        let codes = refreshes.into_iter().map(|refresh| refresh.join().unwrap());
        codes.filter(|code| *code == 200).count()
    });
    assert_eq!(won, 1);
    assert_eq!(visitor.provider.live_refresh_tokens(), Vec::<String>::new());
}

#[test]
fn a_code_serves_once_and_a_second_use_ends_the_session() {
    let visitor = Visitor::new();
    let code = visitor.code();
    let (_, tokens) = visitor.redeem(&code);
    assert_error(
        visitor.redeem(&code),
        400,
        "invalid_grant",
        "Code not valid",
    );
    let refreshed = visitor.refresh(tokens["refresh_token"].as_str().unwrap());
    let description = "Session doesn't have required client";
    assert_error(refreshed, 400, "invalid_grant", description);
}

#[test]
fn the_verifier_and_the_redirect_have_to_fit() {
    let visitor = Visitor::new();
    let redeem = |redirect: &str, verifier: Option<&str>| {
        let code = visitor.code();
        let mut form = vec![CODE, CLIENT, ("code", &code), ("redirect_uri", redirect)];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        visitor.token(&form)
    };
    let other = VERIFIER.replace('0', "1");
    for (redirect, verifier, description) in [
        (
            REDIRECT,
            Some(other.as_str()),
            "PKCE verification failed: Code mismatch",
        ),
        (
            REDIRECT,
            Some("short"),
            "PKCE verification failed: Invalid code verifier",
        ),
        (REDIRECT, None, "PKCE code verifier not specified"),
        (
            "http://127.0.0.1:40002/callback",
            Some(VERIFIER),
            "Incorrect redirect_uri",
        ),
    ] {
        assert_error(
            redeem(redirect, verifier),
            400,
            "invalid_grant",
            description,
        );
    }
    assert_eq!(redeem(REDIRECT, Some(VERIFIER)).0, 200);
}

#[test]
fn a_login_without_pkce_by_s256_is_sent_back_with_the_error() {
    let visitor = Visitor::new();
    let location = |more: &[(&str, &str)]| {
        let page = visitor.authorize(more);
        page.header("location").unwrap_or_default().to_owned()
    };
    let missing = location(&[("code_challenge_method", "")]);
    assert!(missing.contains("error=invalid_request"), "{missing}");
    let plain = location(&[("code_challenge_method", "plain")]);
    assert!(plain.contains("error=invalid_request"), "{plain}");
    let scope = location(&[("scope", "openid nope")]);
    assert!(
        scope.contains("Invalid%20scopes%3A%20openid%20nope"),
        "{scope}"
    );
    let elsewhere = "http://127.0.0.1.example.org/callback";
    assert_eq!(location(&[("redirect_uri", elsewhere)]), "");
    assert_eq!(location(&[("client_id", "nobody")]), "");
    assert_eq!(visitor.provider.logins(), 0);
}

#[test]
fn a_form_is_a_form_with_a_client_and_nothing_that_does_not_belong() {
    let visitor = Visitor::new();
    let grant = ("grant_type", "refresh_token");
    let token = visitor.logged_in();
    let token = ("refresh_token", token.as_str());
    let client = "Invalid client or Invalid client credentials";
    assert_error(
        visitor.token(&[grant, token]),
        401,
        "invalid_client",
        client,
    );
    let unknown = [grant, token, ("client_id", "nobody")];
    assert_error(visitor.token(&unknown), 401, "invalid_client", client);
    let more = [grant, token, CLIENT, ("username", "alice")];
    let description = "Unexpected parameter: username";
    assert_error(visitor.token(&more), 400, "invalid_request", description);
    let twice = [grant, token, CLIENT, CLIENT];
    let description = "duplicated parameter";
    assert_error(visitor.token(&twice), 400, "invalid_request", description);
    let path = "/protocol/openid-connect/token";
    let body = format!(
        "grant_type=refresh_token&client_id=kubernetes&refresh_token={}",
        token.1
    );
    let json = visitor.post_as("application/json", path, &body).unwrap();
    assert_eq!(json.code, 415, "{}", json.body);
    let unknown = [("grant_type", "password"), CLIENT];
    let description = "Unsupported grant_type";
    assert_error(
        visitor.token(&unknown),
        400,
        "unsupported_grant_type",
        description,
    );
    let (code, tokens) = visitor.token(&[grant, token, CLIENT]);
    assert_eq!(
        (code, tokens.get("id_token")),
        (200, None),
        "no scope, no ID token"
    );
}
