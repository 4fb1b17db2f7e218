//! From a platform's address alone.

use datalab_lab::identity_provider::Reply;
use serde_json::json;

use crate::stage::{Stage, keep, kubectl};

#[test]
fn the_platforms_address_is_enough() {
    const TEST: &str = "the platform's address is enough";
    let stage = Stage::new();
    stage.usual_platform();
    let (origin, ca) = (stage.origin(), stage.ca());
    let words = ["--onyxia", &origin, "--issuer-ca", &ca, "--server-ca", &ca];
    let dry = stage.setup(&[&words[..], &["--dry-run=client"]].concat());
    stage.keep("onyxia-dry-run", &dry);
    stage.is_untouched();

    let run = stage.setup(&words);
    stage.keep("onyxia", &run);
    keep(
        "onyxia-kubeconfig",
        &stage.redacted(&stage.kubeconfig().unwrap()),
    );
    let mut known = stage.known_issuers().unwrap();
    // With a digest of the way that leads there.
    let server = known["issuers"][0]["servers"][0].take();
    let (url, way) = server.as_str().unwrap().split_once(" by ").unwrap();
    assert_eq!((url, way.len()), (origin.as_str(), 16));
    assert_eq!(
        known["issuers"],
        json!([{
            "issuer": stage.provider.issuer(),
            "clientId": "kubernetes",
            "servers": [null],
            "audiences": [
                {"name": "s3", "clientId": "onyxia-minio"},
                {"name": "vault", "scope": "vault"},
            ],
            "certificateAuthority": ca,
            // So that other tools need no address.
            "platform": format!("{origin}/api/public/configuration"),
        }])
    );
    let again = stage.setup(&words);
    stage.keep("onyxia-again", &again);

    if let Some(contexts) = kubectl(TEST, &stage, &["config", "get-contexts", "--no-headers"]) {
        let words: Vec<_> = contexts.stdout.split_whitespace().collect();
        assert_eq!(words, ["*", "127.0.0.1", "127.0.0.1", "127.0.0.1"]);
    }
    let mut complaints = stage.provider.complaints();
    // An API server would have that page.
    complaints.retain(|complaint| !complaint.starts_with("GET /version:"));
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn the_command_line_beats_the_platform() {
    let stage = Stage::new();
    stage.usual_platform();
    let (origin, ca) = (stage.origin(), stage.ca());
    let run = stage.setup(&[
        "--onyxia",
        &origin,
        "--issuer-ca",
        &ca,
        "--server-ca",
        &ca,
        "--client-id",
        "onyxia-minio",
        "--audience",
        "s3=minio",
        "--scope",
        "vault",
        "--account",
        "bob",
        "--name",
        "lab",
        "-n",
        "user-bob",
        "-o",
        "json",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.keep("onyxia-and-flags", &run);
}

#[test]
fn of_several_regions_one_is_to_be_named() {
    let stage = Stage::new();
    stage.platform(Reply::json(
        200,
        &json!({"regions": [{"id": "paris"}, {"id": "rennes"}]}),
    ));
    let (origin, ca) = (stage.origin(), stage.ca());
    let run = stage.setup(&["--onyxia", &origin, "--issuer-ca", &ca]);
    assert_eq!(run.code, 3);
    stage.keep("region-ambiguous", &run);
    let run = stage.setup(&[
        "--onyxia",
        &origin,
        "--issuer-ca",
        &ca,
        "--region",
        "rennes",
    ]);
    assert_eq!(run.code, 2);
    stage.keep("region-without-endpoint", &run);
    stage.is_untouched();
}

#[test]
fn something_else_is_no_platform() {
    let stage = Stage::new();
    let (origin, ca) = (stage.origin(), stage.ca());
    for (name, code, answer) in [
        (
            "platform-is-a-page",
            2,
            Reply::html(200, "<!doctype html><title>hello</title>"),
        ),
        ("platform-not-there", 3, Reply::json(404, &json!({}))),
        ("platform-unauthorized", 5, Reply::json(401, &json!({}))),
        (
            "platform-redirects",
            5,
            Reply::redirect(302, "https://elsewhere.invalid/"),
        ),
        ("platform-endless", 5, Reply::endless()),
    ] {
        stage.platform(answer);
        let run = stage.setup(&["--onyxia", &origin, "--issuer-ca", &ca]);
        assert_eq!(run.code, code, "{name}: {}", run.stderr);
        stage.keep(name, &run);
    }
    let run = stage.setup(&["--onyxia", "http://127.0.0.1:1"]);
    assert_eq!(run.code, 2);
    stage.keep("platform-http", &run);
    stage.is_untouched();
}
