//! Keys that were given, and what the store lets them do: each refusal by its cause.

use datalab_lab::identity_provider::User;
use datalab_lab::object_storage::{AccessKey, Dialect, Endpoint, Fault, Reply, What};
use serde_json::json;

use crate::call::Output;
use crate::desk::{Desk, keep, side_by_side};

fn verify(desk: &Desk, more: &[&str]) -> Output {
    let call = desk.tool(["verify"]).words(desk.source());
    call.words(more.iter().copied()).run()
}

#[test]
fn keys_do_what_they_may_at_every_server() {
    let cases = Dialect::ALL.map(|dialect| (format!("{dialect:?}"), dialect));
    side_by_side(cases, |dialect| {
        let desk = Desk::new(dialect);
        desk.storage.make_bucket("alice");
        desk.storage.make_bucket("bob");
        let whole = verify(&desk, &[]);
        assert_eq!(whole.code, 0, "{dialect:?} {whole}");
        let own = verify(
            &desk,
            &["--bucket", "alice", "--prefix", "in put/é+", "--write"],
        );
        // Letters beyond ASCII would mean others too.
        own.failed(2);
        let own = verify(
            &desk,
            &["--bucket", "alice", "--prefix", "in put/a+b=", "--write"],
        );
        assert_eq!(own.code, 0, "{dialect:?} {own}");
        let puts = desk.storage.count(Endpoint::PutObject);
        assert_eq!((puts, desk.storage.count(Endpoint::DeleteObject)), (1, 1));
        let reading = verify(&desk, &["--bucket", "alice", "--read-only", "--write"]);
        assert_eq!(reading.code, 4, "{dialect:?} {reading}");
        let others = verify(&desk, &["--bucket", "bob"]);
        assert_eq!(others.code, 4, "{dialect:?} {others}");
        let missing = verify(&desk, &["--bucket", "alice-nothing"]);
        assert_eq!(missing.code, 3, "{dialect:?} {missing}");
        None
    });
}

#[test]
fn a_store_that_refuses_good_keys() {
    let refusal = |code: &str, status| {
        let body = format!("<Error><Code>{code}</Code><Message>No.</Message></Error>");
        What::Answer(Reply::xml(status, &body))
    };
    let cases = [
        ("InvalidTokenId", 403),
        ("InvalidAccessKeyId", 403),
        ("ExpiredToken", 400),
        ("SignatureDoesNotMatch", 403),
        ("RequestTimeTooSkewed", 403),
        ("AuthorizationHeaderMalformed", 400),
        ("SlowDown", 503),
    ];
    let cases = cases.map(|(code, status)| (code.to_owned(), (code, status)));
    let told = side_by_side(cases, |(code, status)| {
        let desk = Desk::new(Dialect::Minio);
        let fault = Fault::at(Endpoint::ListBuckets, refusal(code, status));
        desk.storage.arm([fault]);
        let output = verify(&desk, &[]);
        assert_ne!(output.code, 0, "{output}");
        Some(output)
    });
    keep("store-refuses", &told);
}

#[test]
fn what_is_wrong_here_and_there() {
    let mut all = String::new();
    // A policy that gives nothing.
    let desk = Desk::new(Dialect::Minio);
    desk.provider.set(|settings| {
        settings
            .claims
            .insert("policy".to_owned(), json!("powerless"));
    });
    desk.storage.make_bucket("alice");
    let output = verify(&desk, &["--bucket", "alice"]);
    assert_eq!(output.code, 4, "{output}");
    all.push_str(&format!("## a policy without rights\n{output}\n\n"));
    // This machine's clock is behind by more than signatures may be.
    let desk = Desk::new(Dialect::Ceph);
    desk.provider
        .set(|settings| settings.clock_ahead_seconds = 1200);
    desk.storage
        .set(|settings| settings.clock_ahead_seconds = 1200);
    let output = verify(&desk, &[]);
    all.push_str(&format!("## a clock that is behind\n{output}\n\n"));
    // A store that signs for a region.
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.region = Some("eu-west-3".to_owned());
    });
    let output = verify(&desk, &[]);
    assert_eq!(output.code, 4, "{output}");
    all.push_str(&format!("## another region\n{output}\n\n"));
    let right = verify(&desk, &["--region", "eu-west-3"]);
    assert_eq!(right.code, 0, "{right}");
    keep("verify", &all);
}

#[test]
fn a_store_without_temporary_keys_is_served_too() {
    let desk = Desk::with(Dialect::Minio, |options| {
        let key = AccessKey {
            user: "robot".to_owned(),
            secret: "for-ever-and-ever-and-one-day".to_owned(),
            policy: json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::robot*"}}),
        };
        options.settings.access_keys.insert("ROBOT".to_owned(), key);
    });
    desk.storage.make_bucket("robot");
    desk.storage.make_bucket("alice");
    let authority = desk.storage.authority().to_string_lossy().into_owned();
    let tool = |verb: &str, more: &[&str]| {
        let call = desk.tool([
            verb,
            "--server",
            "static",
            "--endpoint",
            desk.storage.url(),
            "--ca-file",
            &authority,
        ]);
        call.words(more.iter().copied())
            .with("AWS_ACCESS_KEY_ID", "ROBOT")
            .with("AWS_SECRET_ACCESS_KEY", "for-ever-and-ever-and-one-day")
            .run()
    };
    let keys = tool("get", &["-o", "json"]).json();
    assert_eq!(keys["accessKeyId"], "ROBOT");
    assert!(
        keys.get("sessionToken")
            .is_none_or(serde_json::Value::is_null),
        "{keys}"
    );
    assert_eq!(tool("verify", &["--bucket", "robot"]).code, 0);
    assert_eq!(tool("verify", &["--bucket", "alice"]).code, 4);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 0);
    assert_eq!(desk.provider.requests().len(), 0);
}

#[test]
fn whoami_says_who_the_store_sees() {
    let desk = Desk::new(Dialect::Minio);
    desk.provider
        .set(|settings| settings.user = User::new("zoé", &["stsonly", "research"]));
    let output = desk.tool(["whoami"]).words(desk.source()).run();
    assert_eq!(output.code, 0, "{output}");
    keep("whoami", &output.to_string());
}
