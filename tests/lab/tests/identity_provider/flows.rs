//! What a client gets that does everything right.

use datalab_lab::identity_provider::{Algorithm, Endpoint, Options, Settings, User};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};

use data_encoding::BASE64URL_NOPAD;

use crate::visitor::{STATE, VERIFIER, Visitor, assert_error, challenge, claims, header};

#[test]
fn a_login_by_code_answers_tokens_that_the_published_key_has_signed() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256] {
        let visitor = Visitor::of(Options {
            algorithm,
            ..Options::default()
        });
        let location = visitor.authorize(&[]);
        let location = location.header("location").unwrap();
        assert!(location.starts_with("http://127.0.0.1:40001/callback?"));
        assert!(location.contains(&format!("state={STATE}")), "{location}");
        assert!(location.contains("&iss=https%3A%2F%2F127"), "{location}");
        let (code, tokens) = visitor.redeem(location.rsplit_once("code=").unwrap().1);
        assert_eq!(code, 200, "{tokens}");
        let claims = claims(&tokens["id_token"]);
        assert_eq!(claims["iss"], json!(visitor.provider.issuer()));
        assert_eq!(claims["aud"], "kubernetes");
        assert_eq!(claims["nonce"], "a-nonce-of-at-least-128-bits");
        assert_eq!(claims["groups"], json!(["datalab-users", "datalab-admins"]));
        assert_eq!(tokens["expires_in"], 300);
        assert!(is_signed(&visitor, &tokens["id_token"]));
        assert!(is_signed(&visitor, &tokens["access_token"]));
        assert_eq!(visitor.provider.complaints(), Vec::<String>::new());
    }
}

#[test]
fn a_rolled_key_signs_under_a_new_id_and_the_old_one_is_gone() {
    let visitor = Visitor::new();
    let refresh_token = visitor.logged_in();
    visitor.provider.roll_keys(false).unwrap();
    let (_, tokens) = visitor.refresh(&refresh_token);
    assert_eq!(header(&tokens["id_token"])["kid"], "key-2");
    assert!(is_signed(&visitor, &tokens["id_token"]));
    let keys = visitor.get("/protocol/openid-connect/certs").unwrap().body;
    assert!(!keys.contains("key-1"), "{keys}");
}

#[test]
fn a_device_waits_for_its_person() {
    let visitor = Visitor::new();
    let device = visitor
        .post(
            "/protocol/openid-connect/auth/device",
            &[
                ("client_id", "kubernetes"),
                ("scope", "openid"),
                ("code_challenge", &challenge()),
                ("code_challenge_method", "S256"),
            ],
        )
        .unwrap();
    let device: Value = serde_json::from_str(&device.body).unwrap();
    let poll = || {
        visitor.token(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "kubernetes"),
            ("device_code", device["device_code"].as_str().unwrap()),
            ("code_verifier", VERIFIER),
        ])
    };
    let pending = "The authorization request is still pending";
    assert_error(poll(), 400, "authorization_pending", pending);
    assert_error(poll(), 400, "slow_down", "Slow down");
    assert_eq!(visitor.provider.complaints().len(), 1);
    visitor
        .provider
        .set(|settings| settings.device_interval_seconds = 0);
    let page = device["verification_uri_complete"].as_str().unwrap();
    let page = visitor.provider.browser().open(page).unwrap();
    assert_eq!(page.body, "<p>Device Login Successful</p>");
    // The interval of this device has grown to 6 s, and is not waited for here.
    assert_error(poll(), 400, "slow_down", "Slow down");
}

#[test]
fn a_device_is_approved_denied_or_too_late() {
    let visitor = Visitor::of(Options {
        settings: Settings {
            device_interval_seconds: 0,
            ..Settings::default()
        },
        ..Options::default()
    });
    let provider = &visitor.provider;
    let answered = |answer: &dyn Fn(&str)| {
        let form = [
            ("client_id", "kubernetes"),
            ("scope", "openid"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ];
        let path = "/protocol/openid-connect/auth/device";
        let device = visitor.post(path, &form).unwrap().body;
        let device: Value = serde_json::from_str(&device).unwrap();
        answer(&provider.waiting_user_codes()[0]);
        visitor.token(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", "kubernetes"),
            ("device_code", device["device_code"].as_str().unwrap()),
            ("code_verifier", VERIFIER),
        ])
    };
    let denied = answered(&|code| provider.deny_device(code));
    let description = "The end user denied the authorization request";
    assert_error(denied, 400, "access_denied", description);
    let late = answered(&|code| provider.expire_device(code));
    assert_error(late, 400, "expired_token", "Device code is expired");
    let (code, tokens) = answered(&|code| provider.approve_device(code));
    assert_eq!(code, 200, "{tokens}");
    assert_eq!(provider.logins(), 1);
    assert_eq!(provider.complaints(), Vec::<String>::new());
}

#[test]
fn groups_change_within_a_session_and_scopes_add_audiences() {
    let visitor = Visitor::new();
    let location = visitor.authorize(&[("scope", "openid minio")]);
    let location = location.header("location").unwrap();
    let (_, tokens) = visitor.redeem(location.rsplit_once("code=").unwrap().1);
    let audience = json!(["account", "kubernetes", "minio"]);
    assert_eq!(claims(&tokens["access_token"])["aud"], audience);
    visitor
        .provider
        .set(|settings| settings.user = User::new("alice", &["other"]));
    let (_, tokens) = visitor.refresh(tokens["refresh_token"].as_str().unwrap());
    assert_eq!(claims(&tokens["id_token"])["groups"], json!(["other"]));
    assert_eq!(
        claims(&tokens["access_token"])["aud"],
        json!(["account", "kubernetes"])
    );
}

#[test]
fn leaving_ends_the_session() {
    let visitor = Visitor::new();
    for (path, name) in [("revoke", "token"), ("logout", "refresh_token")] {
        let refresh_token = visitor.logged_in();
        let form = [("client_id", "kubernetes"), (name, refresh_token.as_str())];
        let page = visitor.post(&format!("/protocol/openid-connect/{path}"), &form);
        assert!(page.unwrap().code < 300);
        let refreshed = visitor.refresh(&refresh_token);
        assert_error(refreshed, 400, "invalid_grant", "Session not active");
    }
    assert_eq!(visitor.provider.live_refresh_tokens(), Vec::<String>::new());
    assert_eq!(visitor.provider.count(Endpoint::Revoke), 1);
}

/// Somebody else's judgement: ring's, by the published key.
fn is_signed(visitor: &Visitor, token: &Value) -> bool {
    let keys = visitor.get("/protocol/openid-connect/certs").unwrap().body;
    let keys: Value = serde_json::from_str(&keys).unwrap();
    let id = &header(token)["kid"];
    let keys = keys["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| &key["kid"] == id).unwrap();
    let bytes = |name: &str| {
        let text = key[name].as_str().unwrap();
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
    };
    let (message, signature) = token.as_str().unwrap().rsplit_once('.').unwrap();
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
    if key["kty"] == "EC" {
        let point = [vec![4], bytes("x"), bytes("y")].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message.as_bytes(), &signature)
            .is_ok()
    } else {
        let (n, e) = (bytes("n"), bytes("e"));
        RsaPublicKeyComponents { n, e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
            .is_ok()
    }
}
