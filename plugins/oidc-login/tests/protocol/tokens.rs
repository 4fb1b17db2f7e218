//! Tokens that lie.

use datalab_lab::identity_provider::{Endpoint, Lies, Signature, User};

use crate::desk::{Desk, side_by_side};

/// What a login answers with that must not be believed.
fn at_login() -> Vec<(&'static str, Lies)> {
    let lies = Lies::default;
    let text = |text: &str| Some(text.to_owned());
    vec![
        (
            "issuer",
            Lies {
                token_issuer: text("https://other.invalid"),
                ..lies()
            },
        ),
        (
            "nonce",
            Lies {
                nonce: text("another"),
                ..lies()
            },
        ),
        (
            "no-nonce",
            Lies {
                nonce: text(""),
                ..lies()
            },
        ),
        (
            "audience",
            Lies {
                audience: Some(vec!["other".to_owned()]),
                ..lies()
            },
        ),
        (
            "two-audiences",
            Lies {
                audience: Some(vec!["kubernetes".to_owned(), "other".to_owned()]),
                authorized_party: text("other"),
                ..lies()
            },
        ),
        (
            "party",
            Lies {
                authorized_party: text("other"),
                ..lies()
            },
        ),
        (
            "access-token-hash",
            Lies {
                access_token_hash: text("AAAAAAAAAAAAAAAAAAAAAA"),
                ..lies()
            },
        ),
        (
            "expired",
            Lies {
                expires_later_seconds: -1000,
                ..lies()
            },
        ),
        (
            "issued-in-the-future",
            Lies {
                issued_later_seconds: 1000,
                expires_later_seconds: 1000,
                ..lies()
            },
        ),
    ]
}

/// Signatures that must not be believed.
const SIGNATURES: [(&str, Signature); 6] = [
    ("none", Signature::None),
    ("hs256-public-key", Signature::Hs256WithPublicKey),
    ("hs256-client-id", Signature::Hs256WithClientId),
    ("broken", Signature::Broken),
    ("other-key", Signature::OtherKey),
    ("unknown-key", Signature::UnknownKeyId),
];

fn all() -> Vec<(&'static str, Lies)> {
    let mut all = at_login();
    all.extend(SIGNATURES.map(|(name, signature)| {
        let lies = Lies {
            signature,
            ..Lies::default()
        };
        (name, lies)
    }));
    all
}

#[test]
fn a_login_that_answers_a_lie_is_no_login() {
    let told = side_by_side(all(), |(name, lies)| {
        let desk = Desk::with(|settings| settings.lies = lies);
        let output = desk.get_token().run();
        output.failed(4);
        assert!(
            !desk
                .files()
                .iter()
                .any(|file| file.ends_with("session.json")),
            "{name}: a session is left"
        );
        // Nothing was kept of the lie: an honest provider gets its chance.
        desk.provider
            .set(|settings| settings.lies = Lies::default());
        let login = desk.verb("login").run();
        assert_eq!(login.code, 0, "{name}: {login}");
        format!("# {name}\n{}\n", output.stderr)
    });
    Desk::new().keep_text("tokens-at-login", &told);
}

#[test]
fn a_refresh_that_answers_a_lie_is_refused_and_the_session_stays() {
    let text = |text: &str| Some(text.to_owned());
    let mut all = all();
    // On a refresh no nonce is expected, and a wrong one is nothing to rely on.
    all.retain(|(name, _)| !name.contains("nonce"));
    let subject = Lies {
        subject: text("somebody-else"),
        ..Lies::default()
    };
    all.push(("subject", subject));
    let told = side_by_side(all, |(name, lies)| {
        let desk = Desk::with(|settings| settings.access_token_seconds = 600);
        let before = desk.log_in().token();
        desk.provider.set(|settings| settings.lies = lies);
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(
            (refresh.code, refresh.stdout.as_str()),
            (4, ""),
            "{name}: {refresh}"
        );
        let said = format!("# {name}\n{}\n", refresh.stderr);
        // What is still valid is served.
        assert_eq!(desk.get_token().run().token(), before, "{name}");
        // And the refresh token that came with the lie, which has replaced the old one, is kept.
        desk.provider
            .set(|settings| settings.lies = Lies::default());
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{name}: {refresh}");
        assert_eq!(desk.provider.logins(), 1, "{name}");
        assert_ne!(desk.get_token().run().token(), before, "{name}");
        said
    });
    Desk::new().keep_text("tokens-at-refresh", &told);
}

#[test]
fn another_person_in_the_same_browser_does_not_take_over_the_session() {
    let desk = Desk::new();
    let before = desk.log_in().token();
    desk.provider
        .set(|settings| settings.user = User::new("bob", &[]));
    let login = desk.verb("login").words(["--account", "alice"]).run();
    assert_ne!(login.code, 0, "{login}");
    assert_eq!(desk.get_token().run().token(), before);
}

#[test]
fn a_rolled_key_is_fetched_once() {
    let desk = Desk::new();
    desk.log_in();
    desk.provider.roll_keys(false).unwrap();
    desk.provider.forget_requests();
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.provider.count(Endpoint::Keys), 1);
    assert_eq!(desk.provider.logins(), 1);
    // What is known is not asked again: a refresh makes one request.
    desk.provider.forget_requests();
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.provider.requests().len(), 1);
}

#[test]
fn a_refresh_without_an_id_token_names_what_is_missing() {
    let desk = Desk::new();
    let before = desk.log_in().token();
    desk.provider
        .set(|settings| settings.returns_id_token_on_refresh = false);
    let refresh = desk.verb("refresh").words(["--now"]).run();
    refresh.failed(4);
    assert!(refresh.stderr.contains("id_token"), "{refresh}");
    desk.keep("refresh-without-id-token", &refresh);
    assert_eq!(desk.get_token().run().token(), before);
}

#[test]
fn a_refresh_token_that_is_not_replaced_is_kept() {
    let desk = Desk::with(|settings| {
        settings.rotates = false;
        settings.returns_refresh_token = false;
    });
    desk.provider
        .set(|settings| settings.returns_refresh_token = true);
    desk.log_in();
    desk.provider
        .set(|settings| settings.returns_refresh_token = false);
    for _ in 0..3 {
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{refresh}");
    }
    assert_eq!(desk.provider.count(Endpoint::Refresh), 3);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn new_groups_arrive_with_the_next_refresh() {
    let desk = Desk::new();
    assert_eq!(desk.log_in().claims()["groups"][0], "datalab-users");
    desk.provider
        .set(|settings| settings.user = User::new("alice", &["newcomers"]));
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.get_token().run().claims()["groups"][0], "newcomers");
}
