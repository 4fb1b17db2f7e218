//! Tokens for other services, of the same session.

use data_encoding::BASE64URL_NOPAD;
use datalab_lab::identity_provider::Endpoint;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::terminal::Terminal;

/// A desk whose issuer is known to serve S3 by a scope.
fn with_s3() -> Desk {
    let desk = Desk::new();
    desk.knows_services(&json!([{"name": "s3", "scope": "minio"}]));
    desk
}

fn claims(token: &str) -> Value {
    let claims = token.trim().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
}

#[test]
fn one_login_asks_for_all_and_each_service_gets_its_own() {
    let desk = with_s3();
    desk.log_in();
    let asked = crate::page::parameters(&desk.pages().asked()[0]);
    assert_eq!(asked["scope"], "openid minio");
    let token = desk.verb("token").words(["--audience", "s3"]).run();
    assert_eq!(token.code, 0, "{token}");
    assert!(
        claims(&token.stdout)["aud"]
            .as_array()
            .unwrap()
            .contains(&json!("minio"))
    );
    // Kept as long as it is good, and the session goes on with its new refresh token.
    let again = desk.verb("token").words(["--audience", "s3"]).run();
    assert_eq!(again.stdout, token.stdout);
    assert_eq!(desk.provider.count(Endpoint::Refresh), 1);
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.provider.logins(), 1);
    assert_eq!(desk.provider.punished_sessions(), 0);
}

#[test]
fn many_who_want_a_services_token_at_once_never_use_a_refresh_token_twice() {
    let desk = with_s3();
    desk.log_in();
    let running: Vec<_> = (0..10)
        .map(|index| match index % 2 {
            0 => desk.verb("token").words(["--audience", "s3"]).start(),
            _ => desk.verb("refresh").words(["--now"]).start(),
        })
        .collect();
    for running in running {
        let output = running.wait();
        assert_eq!(output.code, 0, "{output}");
    }
    assert_eq!(desk.provider.punished_sessions(), 0);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn keys_that_a_services_token_was_signed_with_are_fetched_once() {
    let desk = with_s3();
    desk.log_in();
    desk.provider.roll_keys(false).unwrap();
    desk.provider.forget_requests();
    let token = desk.verb("token").words(["--audience", "s3"]).run();
    assert_eq!(token.code, 0, "{token}");
    assert_eq!(desk.provider.count(Endpoint::Keys), 1);
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.provider.count(Endpoint::Keys), 1);
}

#[test]
fn a_token_is_not_shown_on_a_screen_unless_that_is_wanted() {
    let desk = with_s3();
    desk.log_in();
    let words = ["token", "--audience", "s3"];
    let screen = |more: &[&str]| {
        let call = desk.tool(words).words(desk.session_words());
        Terminal::all_of_it(&desk, call.words(more.iter().copied())).wait()
    };
    let refused = screen(&[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(!refused.stderr.contains("eyJ"), "{refused}");
    let shown = screen(&["--show-secret"]);
    assert_eq!(shown.code, 0, "{shown}");
    assert!(shown.stderr.contains("eyJ"), "{shown}");
}

#[test]
fn a_form_that_a_token_does_not_have_is_refused() {
    let desk = with_s3();
    desk.log_in();
    for form in ["json", "yaml", "name", "jsonpath={.token}"] {
        let words = ["--audience", "s3", "-o", form];
        let output = desk.verb("token").words(words).run();
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{output}");
    }
    let yaml = desk.get_token().words(["-o", "yaml"]).run();
    assert_eq!((yaml.code, yaml.stdout.as_str()), (2, ""), "{yaml}");
    // The counterpart: that is what it prints.
    desk.get_token().words(["-o", "json"]).run().token();
}

#[test]
fn an_audience_that_nobody_knows_is_named() {
    let desk = with_s3();
    desk.log_in();
    let mut desk = desk;
    desk.expect_complaints();
    let output = desk.verb("token").words(["--audience", "nobody"]).run();
    assert_ne!(output.code, 0, "{output}");
    assert!(output.stderr.contains("nobody"), "{output}");
}
