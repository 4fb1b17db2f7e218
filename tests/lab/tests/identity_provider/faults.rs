//! What the provider does when it is told to misbehave.

use std::thread;
use std::time::{Duration, Instant};

use datalab_lab::identity_provider::{
    Endpoint, Fault, Lies, Options, Reply, Signature, Transport, What,
};

use crate::visitor::{Visitor, claims, header};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn another_answer_comes_as_often_as_it_was_told_and_changes_nothing() {
    let visitor = Visitor::new();
    let token = visitor.logged_in();
    let busy = Reply::html(429, "<h1>Slow</h1>").header("retry-after", "1");
    let fault = Fault::at(Endpoint::Refresh, What::Answer(busy))
        .times(1)
        .after(1);
    visitor.provider.arm([fault]);
    let (code, tokens) = visitor.refresh(&token);
    assert_eq!(code, 200);
    let token = tokens["refresh_token"].as_str().unwrap();
    let path = "/protocol/openid-connect/token";
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "kubernetes"),
        ("refresh_token", token),
    ];
    let page = visitor.post(path, &form).unwrap();
    assert_eq!((page.code, page.header("retry-after")), (429, Some("1")));
    assert_eq!(visitor.refresh(token).0, 200, "the token was not used up");
    assert_eq!(visitor.provider.count(Endpoint::Refresh), 3);
}

#[test]
fn a_connection_is_cut_before_or_after_the_deed() {
    let visitor = Visitor::new();
    for (what, alive) in [
        (What::CutBefore, true),
        (What::CutAfter, false),
        (What::CutWithin, false),
    ] {
        let token = visitor.logged_in();
        visitor.provider.arm([Fault::at(Endpoint::Refresh, what)]);
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", "kubernetes"),
            ("refresh_token", token.as_str()),
        ];
        let cut = visitor.post("/protocol/openid-connect/token", &form);
        let whole = cut.is_ok_and(|page| page.body.ends_with('}'));
        assert!(!whole, "the answer came through");
        visitor.provider.arm([]);
        let live = visitor.provider.live_refresh_tokens();
        assert_eq!(live.contains(&token), alive);
    }
}

#[test]
fn a_request_is_held_until_it_is_let_go() {
    let visitor = Visitor::new();
    let token = visitor.logged_in();
    let provider = &visitor.provider;
    provider.arm([Fault::at(Endpoint::Refresh, What::HoldAfter)]);
    thread::scope(|scope| {
        let refresh = scope.spawn(|| visitor.refresh(&token).0);
        provider.until_held(PATIENCE);
        assert!(!refresh.is_finished());
        assert!(
            !provider.live_refresh_tokens().contains(&token),
            "carried out"
        );
        provider.release();
        assert_eq!(refresh.join().unwrap(), 200);
    });
    let delay = Duration::from_millis(300);
    provider.arm([Fault::everywhere(What::DelayBefore(delay)).times(1)]);
    let begun = Instant::now();
    visitor.get("/.well-known/openid-configuration").unwrap();
    assert!(begun.elapsed() >= delay);
}

#[test]
fn it_lies_as_it_is_told() {
    let visitor = Visitor::new();
    visitor.provider.set(|settings| {
        settings.clock_ahead_seconds = 300;
        settings.lies = Lies {
            token_issuer: Some("https://liar.invalid".to_owned()),
            nonce: Some(String::new()),
            audience: Some(vec!["other".to_owned()]),
            callback_issuer: Some(String::new()),
            signature: Signature::None,
            ..Lies::default()
        };
    });
    assert!(!visitor.authorize(&[]).head.contains("iss="));
    let (_, tokens) = visitor.redeem(&visitor.code());
    let token = &tokens["id_token"];
    assert_eq!(header(token)["alg"], "none");
    assert!(token.as_str().unwrap().ends_with('.'));
    let claims = claims(token);
    assert_eq!(claims["iss"], "https://liar.invalid");
    assert_eq!(claims["aud"], "other");
    assert_eq!(claims.get("nonce"), None);
    let ahead = claims["iat"].as_i64().unwrap() - now();
    assert!((295..=305).contains(&ahead), "{ahead}");
}

#[test]
fn a_certificate_of_nobody_or_for_another_name_is_refused_by_who_looks() {
    for transport in [Transport::SelfSigned, Transport::OtherName] {
        let visitor = Visitor::of(Options {
            transport,
            ..Options::default()
        });
        let error = visitor
            .get("/.well-known/openid-configuration")
            .unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    let visitor = Visitor::of(Options {
        transport: Transport::PlainHttp,
        ..Options::default()
    });
    assert!(visitor.provider.issuer().starts_with("http://"));
    visitor.get("/.well-known/openid-configuration").unwrap();
}

#[test]
fn it_stops_and_starts_again_with_what_it_knew() {
    let visitor = Visitor::new();
    let token = visitor.logged_in();
    visitor.provider.stop();
    let error = visitor
        .get("/.well-known/openid-configuration")
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    visitor.provider.start_again().unwrap();
    assert_eq!(visitor.refresh(&token).0, 200);
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_secs() as i64
}
