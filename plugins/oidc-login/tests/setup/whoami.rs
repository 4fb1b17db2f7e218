//! Who one is.

use datalab_lab::identity_provider::Reply;
use serde_json::json;

use crate::stage::Stage;

#[test]
fn by_the_token_and_to_the_server() {
    let stage = Stage::new();
    let run = stage.run(&[
        "whoami",
        "--issuer",
        &stage.provider.issuer(),
        "--client-id",
        "kubernetes",
    ]);
    assert_eq!(run.code, 3);
    stage.log_in();
    let before = stage.provider.requests().len();
    let run = stage.run(&["whoami"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.keep("whoami", &run);
    assert_eq!(
        stage.provider.requests().len(),
        before,
        "somebody was asked"
    );

    stage.server_says(Reply::json(
        201,
        &json!({"kind": "SelfSubjectReview", "status": {"userInfo": {
            "username": "oidc-alice", "uid": "subject-of-alice",
            "groups": ["oidc-datalab-users", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": ["JTI=1"]},
        }}}),
    ));
    let run = stage.run(&["whoami", "--server", "-o", "wide"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.keep("whoami-server", &run);
    let run = stage.run(&[
        "whoami",
        "--server",
        "-o",
        "jsonpath={.server.user.username}",
    ]);
    assert_eq!(run.stdout, "oidc-alice\n");
    for secret in stage.provider.secrets() {
        assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret));
    }
}

#[test]
fn a_server_that_does_not_know_us_leads_to_the_doctor() {
    let stage = Stage::new();
    stage.log_in();
    stage.server_says(Reply::empty(401));
    let run = stage.run(&["whoami", "--server"]);
    assert_eq!(run.code, 4);
    stage.keep("whoami-401", &run);
}

#[test]
fn a_strangers_server_is_not_sent_the_token() {
    let stage = Stage::new();
    stage.log_in();
    let stranger = Stage::new();
    let kubeconfig = stage.kubeconfig().unwrap();
    let own = stage.origin();
    assert!(kubeconfig.contains(&own));
    stage.write_kubeconfig(&kubeconfig.replace(
        &format!("server: {own}"),
        &format!("server: {}", stranger.origin()),
    ));
    let run = stage.run(&["whoami", "--server"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    let run = stage.run(&["doctor"]);
    assert!(run.stdout.contains("has not gone to"), "{}", run.stdout);
    assert_eq!(stranger.provider.requests().len(), 0);
}
