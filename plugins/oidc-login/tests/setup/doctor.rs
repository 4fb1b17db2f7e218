//! Why a token is not accepted.

use std::{fs, time::Duration};

use datalab_lab::identity_provider::{Algorithm, Options, Reply};
use serde_json::json;

use crate::stage::Stage;

/// What setup itself prints for the API server, changed by hand.
fn configuration(stage: &Stage, from: &str, to: &str) -> String {
    let issuer = stage.provider.issuer();
    let run = stage.setup(&[
        "--print",
        "authentication-configuration",
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
    ]);
    assert!(run.stdout.contains(from), "{}", run.stdout);
    let file = stage.path("authentication.yaml");
    fs::write(&file, run.stdout.replace(from, to)).unwrap();
    file.display().to_string()
}

#[test]
fn all_is_well() {
    let stage = Stage::new();
    stage.log_in();
    stage.server_says(Reply::json(
        201,
        &json!({"status": {"userInfo": {"username": "oidc-alice", "groups": ["oidc-datalab-users"]}}}),
    ));
    let file = configuration(&stage, "oidc-", "oidc-");
    let run = stage.run(&["doctor", "--authentication-config", &file]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.keep("doctor-well", &run);
}

#[test]
fn without_the_servers_configuration_it_says_so() {
    let stage = Stage::new();
    stage.log_in();
    stage.server_says(Reply::empty(401));
    let run = stage.run(&["doctor"]);
    assert_eq!(run.code, 1);
    stage.keep("doctor-unseen", &run);
}

/// As Entra ID has them: numbers, and up to 200 of them.
#[test]
fn a_token_with_very_many_groups_is_large_and_the_page_is_not() {
    let stage = Stage::new();
    stage.provider.set(|settings| {
        let groups = (0..200).map(|number| format!("00000000-0000-4000-8000-{number:012}"));
        settings.user.groups = groups.collect();
    });
    stage.log_in();
    stage.server_says(Reply::empty(401));
    let run = stage.run(&["doctor"]);
    assert_eq!(run.code, 1);
    stage.keep("doctor-many-groups", &run);
}

#[test]
fn a_signature_that_no_api_server_takes_is_named() {
    let stage = Stage::of(Options {
        algorithm: Algorithm::EdDsa,
        ..Options::default()
    });
    stage.log_in();
    stage.server_says(Reply::empty(401));
    let run = stage.run(&["doctor"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.contains("EdDSA, which no API server takes"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_server_that_accepts_the_token_leaves_nothing_to_do() {
    let stage = Stage::new();
    stage.log_in();
    stage.server_says(Reply::json(
        201,
        &json!({"status": {"userInfo": {"username": "oidc-alice", "groups": []}}}),
    ));
    let run = stage.run(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let accepted = "ok      audience   the token is for kubernetes, which the API server accepts";
    assert!(run.stdout.contains(accepted), "{}", run.stdout);
    assert!(!run.stdout.contains("next:"), "{}", run.stdout);
}

#[test]
fn each_thing_that_does_not_fit_is_named() {
    let stage = Stage::new();
    stage.log_in();
    stage.server_says(Reply::empty(401));
    let issuer = stage.provider.issuer();
    for (name, from, to) in [
        ("doctor-audience", "- kubernetes", "- other-client"),
        ("doctor-issuer", "realms/datalab", "realms/other"),
        ("doctor-slash", issuer.as_str(), &format!("{issuer}/")),
        (
            "doctor-username",
            "claim: preferred_username",
            "claim: email",
        ),
        ("doctor-groups", "claim: groups", "claim: roles"),
        (
            "doctor-rule",
            "  userValidationRules:",
            "  claimValidationRules:\n  - claim: hd\n    requiredValue: example.org\n  userValidationRules:",
        ),
    ] {
        let file = configuration(&stage, from, to);
        let run = stage.run(&["doctor", "--authentication-config", &file]);
        assert_eq!(run.code, 1, "{name}: {}", run.stdout);
        stage.keep(name, &run);
    }
    let file = stage.path("other.yaml");
    fs::write(&file, "kind: Pod\napiVersion: v1\n").unwrap();
    let file = file.display().to_string();
    let run = stage.run(&["doctor", "--authentication-config", &file]);
    assert_eq!(run.code, 2);
    stage.keep("doctor-other-file", &run);
}

#[test]
fn the_older_form_of_the_file_is_understood() {
    let stage = Stage::new();
    stage.log_in();
    let file = configuration(&stage, "k8s.io/v1", "k8s.io/v1beta1");
    let run = stage.run(&["doctor", "--authentication-config", &file]);
    assert!(run.stdout.contains("trusts the issuer"), "{}", run.stdout);
}

#[test]
fn a_key_that_rolled_over_is_named() {
    let stage = Stage::new();
    stage.log_in();
    stage.provider.roll_keys(false).unwrap();
    let run = stage.run(&["doctor"]);
    assert_eq!(run.code, 1);
    stage.keep("doctor-key", &run);
}

#[test]
fn a_clock_that_is_off_and_an_issuer_that_is_gone_are_named() {
    let stage = Stage::new();
    stage.log_in();
    stage
        .provider
        .set(|settings| settings.clock_ahead_seconds = 300);
    let run = stage.run(&["doctor"]);
    assert!(
        run.stdout.contains("s behind the issuer's"),
        "{}",
        run.stdout
    );
    stage.provider.stop();
    let run = stage.run(&["doctor"]);
    assert_eq!(run.code, 1);
    stage.keep("doctor-issuer-gone", &run);
}

#[test]
fn the_platform_says_what_it_expects() {
    let stage = Stage::new();
    stage.log_in();
    stage.platform(Reply::json(
        200,
        &json!({"regions": [{"id": "paris", "services": {"k8sPublicEndpoint": {
            "URL": stage.origin(),
            "oidcConfiguration": {"issuerURI": stage.provider.issuer(), "clientID": "k8s"},
        }}}]}),
    ));
    let run = stage.run(&["doctor", "--onyxia", &stage.origin()]);
    assert_eq!(run.code, 1);
    stage.keep("doctor-platform", &run);
}

#[test]
fn a_token_that_ran_out_in_a_session_that_is_over_is_named() {
    let stage = Stage::new();
    stage
        .provider
        .set(|settings| settings.access_token_seconds = 2);
    stage.log_in();
    let logins = stage.provider.logins();
    stage.provider.end_sessions();
    let mut said = String::new();
    stage
        .provider
        .until("the token has run out", Duration::from_secs(30), || {
            let run = stage.run(&["doctor"]);
            said = run.stdout;
            said.contains("cannot be exchanged")
        });
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.contains("run out"))
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].starts_with("WRONG   refresh"), "{said}");
    assert!(lines[1].starts_with("WRONG   times"), "{said}");
    assert!(
        said.contains("next: kubectl datalab oidc-login login"),
        "{said}"
    );
    assert_eq!(stage.provider.logins(), logins);
}

#[test]
fn a_token_that_ran_out_is_exchanged_before_it_is_looked_at() {
    let stage = Stage::new();
    stage
        .provider
        .set(|settings| settings.access_token_seconds = 2);
    stage.log_in();
    let logins = stage.provider.logins();
    stage
        .provider
        .until("the token has run out", Duration::from_secs(30), || {
            let run = stage.run(&["doctor"]);
            run.stdout.contains("had run out, and was exchanged")
        });
    assert_eq!(stage.provider.logins(), logins);
}
