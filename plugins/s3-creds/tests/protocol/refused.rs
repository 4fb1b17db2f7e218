//! Each cause of a refusal, as each server words it, and what the user is told.

use datalab_lab::identity_provider::{self, Signature};
use datalab_lab::object_storage::{Dialect, Endpoint, Settings};
use serde_json::json;

use crate::desk::{Desk, keep};

/// A desk of each dialect; what is told when the provider, or the store, is changed so.
#[track_caller]
fn told(
    name: &str,
    dialects: &[Dialect],
    code: i32,
    provider: impl Fn(&mut identity_provider::Settings),
    store: impl Fn(&mut Settings),
) {
    let mut all = String::new();
    for dialect in dialects {
        let desk = Desk::new(*dialect);
        desk.provider.set(&provider);
        desk.storage.set(&store);
        let output = desk.get().run();
        output.failed(code);
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
        assert!(desk.storage.issued().is_empty());
    }
    keep(name, &all);
}

fn as_it_is(_: &mut Settings) {}

/// Claims of the access token; null takes one away.
fn claims(settings: &mut identity_provider::Settings, claims: &[(&str, serde_json::Value)]) {
    for (name, value) in claims {
        let claims = &mut settings.access_token_claims;
        claims.insert((*name).to_owned(), value.clone());
    }
}

#[test]
fn a_token_that_has_expired() {
    // For the store only: the login's own is still good.
    let past = |settings: &mut identity_provider::Settings| {
        claims(settings, &[("exp", json!(1_700_000_000))]);
    };
    let mut all = String::new();
    for dialect in Dialect::ALL {
        let desk = Desk::new(dialect);
        desk.provider.set(past);
        let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
        let file = desk.write("token", &token);
        let mut words = vec!["get".to_owned(), "-o".to_owned(), "json".to_owned()];
        words.extend(desk.source());
        let output = desk.tool(words).words(["--token", &file]).run();
        output.failed(4);
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
    }
    keep(
        "expired",
        &regex::Regex::new(r"expired \d+ d ago")
            .unwrap()
            .replace_all(&all, "expired N d ago"),
    );
}

#[test]
fn a_token_for_somebody_else() {
    let other = |settings: &mut identity_provider::Settings| {
        claims(
            settings,
            &[("aud", json!(["account"])), ("azp", json!("onyxia"))],
        );
    };
    told("audience", &Dialect::ALL, 4, other, as_it_is);
}

#[test]
fn a_token_for_nobody() {
    let nobody = |settings: &mut identity_provider::Settings| {
        claims(settings, &[("aud", json!(null)), ("azp", json!("onyxia"))]);
    };
    told("no-audience", &Dialect::ALL, 4, nobody, as_it_is);
}

#[test]
fn a_token_without_a_policy() {
    let none = |settings: &mut identity_provider::Settings| {
        claims(
            settings,
            &[("policy", json!(null)), ("groups", json!(null))],
        );
    };
    let dialects = [Dialect::Minio, Dialect::Rustfs, Dialect::Seaweedfs];
    told("no-policy", &dialects, 4, none, as_it_is);
}

#[test]
fn a_policy_that_the_server_does_not_have() {
    let unknown = |settings: &mut identity_provider::Settings| {
        claims(
            settings,
            &[("policy", json!("datalab")), ("groups", json!(["datalab"]))],
        );
    };
    told("unknown-policy", &[Dialect::Minio], 4, unknown, as_it_is);
}

#[test]
fn a_key_that_the_server_does_not_know() {
    let mut all = String::new();
    for dialect in Dialect::ALL {
        let desk = Desk::new(dialect);
        // The login is good, and what is sent is signed by somebody else.
        desk.provider
            .set(|s| s.lies.signature = Signature::UnknownKeyId);
        let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
        let output = desk.get().words(["--token", "-"]).reading(&token).run();
        output.failed(4);
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
    }
    keep("unknown-key", &all);
}

#[test]
fn a_role_that_is_not_named() {
    let mut all = String::new();
    for dialect in [Dialect::Ceph, Dialect::Aws] {
        let desk = Desk::new(dialect);
        let output = desk
            .tool(["get", "-o", "json"])
            .words(desk.source_without_role())
            .run();
        output.failed(4);
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
    }
    keep("no-role", &all);
}

#[test]
fn a_role_that_is_not_for_the_user() {
    let mut all = String::new();
    for (dialect, role) in [
        (Dialect::Minio, "nobody"),
        (Dialect::Ceph, "nobody"),
        (Dialect::Ceph, "untrusted"),
        (Dialect::Aws, "nobody"),
        (Dialect::Aws, "untrusted"),
        (Dialect::Seaweedfs, "untrusted"),
    ] {
        let desk = Desk::new(dialect);
        let output = desk
            .tool(["get", "-o", "json"])
            .words(desk.source_without_role())
            .words(["--role-arn".to_owned(), dialect.role(role)])
            .run();
        output.failed(4);
        all.push_str(&format!("## {dialect:?}, {role}\n{output}\n\n"));
    }
    keep("role", &all);
}

#[test]
fn a_life_that_is_too_long() {
    let mut all = String::new();
    for (dialect, duration) in [
        (Dialect::Minio, "400d"),
        (Dialect::Ceph, "12h"),
        (Dialect::Aws, "12h"),
        (Dialect::Aws, "7d"),
        (Dialect::Seaweedfs, "7d"),
    ] {
        let desk = Desk::new(dialect);
        let output = desk.get().words(["--duration", duration]).run();
        output.failed(2);
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
    }
    keep("duration", &all);
}

#[test]
fn a_life_that_a_policy_forbids() {
    let limited = |settings: &mut Settings| settings.longest_seconds_by_policy = Some(1800);
    told("policy-duration", &[Dialect::Minio], 4, |_| {}, limited);
}

#[test]
fn a_clock_that_is_wrong() {
    let mut all = String::new();
    for (dialect, ahead) in [
        (Dialect::Minio, 3600),
        (Dialect::Minio, -3600),
        (Dialect::Ceph, 3600),
        (Dialect::Aws, -3600),
        (Dialect::Rustfs, 3600),
        (Dialect::Seaweedfs, 3600),
    ] {
        let desk = Desk::new(dialect);
        desk.storage
            .set(|settings| settings.clock_ahead_seconds = ahead);
        let output = desk.get().run();
        output.failed(4);
        all.push_str(&format!("## {dialect:?}, {ahead} s\n{output}\n\n"));
    }
    let minutes = regex::Regex::new(r"\b(54|55|59|60) min\b").unwrap();
    keep("clock", &minutes.replace_all(&all, "N min"));
}

#[test]
fn an_encryption_key_that_stands_first() {
    let first_only = |settings: &mut Settings| settings.reads_first_key_only = true;
    told("first-key", &[Dialect::Ceph], 4, |_| {}, first_only);
}

#[test]
fn a_policy_for_the_session_that_is_none() {
    // One that every server refuses is not sent.
    let desk = Desk::new(Dialect::Minio);
    let maybe = r#"{"Statement": [{"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}]}"#;
    let file = desk.write("policy.json", maybe);
    let output = desk.get().words(["--policy", &file]).run();
    output.failed(2);
    let mut all = format!("## None is asked\n{output}\n\n");
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 0);
    // What only the server can tell.
    let odd = r#"{"Statement": [{"Effect": "Allow", "Action": 1, "Resource": "*"}]}"#;
    for dialect in [Dialect::Minio, Dialect::Ceph, Dialect::Aws] {
        let desk = Desk::new(dialect);
        let file = desk.write("policy.json", odd);
        let output = desk.get().words(["--policy", &file]).run();
        output.failed(2);
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
    }
    keep("session-policy", &all);
}

#[test]
fn an_issuer_that_the_server_does_not_reach() {
    let mut all = String::new();
    for dialect in [Dialect::Aws, Dialect::Ceph] {
        let desk = Desk::new(dialect);
        let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
        desk.provider.stop();
        let output = desk.get().words(["--token", "-"]).reading(&token).run();
        output.failed(if dialect == Dialect::Ceph { 4 } else { 5 });
        all.push_str(&format!("## {dialect:?}\n{output}\n\n"));
    }
    keep("issuer-unreachable", &all);
}
