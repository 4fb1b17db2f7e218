//! What is printed for administrators.

use std::fs;

use crate::stage::{Stage, kubectl};

const ISSUER: [&str; 4] = [
    "--issuer",
    "https://auth.example/realms/lab",
    "--client-id",
    "kubernetes",
];

fn printed(stage: &Stage, form: &str, more: &[&str]) -> String {
    let run = stage.setup(&[&["--print", form], &ISSUER[..], more].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.keep(form, &run);
    run.stdout
}

#[test]
fn each_form_as_it_is_pasted() {
    let stage = Stage::new();
    let ca = stage.path("ca.pem");
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    fs::write(&ca, pem).unwrap();
    let ca = ca.display().to_string();
    printed(
        &stage,
        "authentication-configuration",
        &["--issuer-ca", &ca],
    );
    let client = printed(
        &stage,
        "keycloak-client",
        &["--audience", "s3=minio", "--audience", "vault@vault"],
    );
    let client: serde_json::Value = serde_json::from_str(&client).unwrap();
    assert_eq!(client["clientScopes"].as_array().unwrap().len(), 1);
    let words = ["--group", "datalab-users", "--group", "on", "-n", "user-x"];
    printed(&stage, "role-binding", &words);
    printed(&stage, "kuberc", &[]);
    stage.is_untouched();
    assert_eq!(stage.provider.requests().len(), 0);
}

#[test]
fn what_a_form_needs_is_named() {
    let stage = Stage::new();
    let run = stage.setup(&["--print", "role-binding", "--print", "keycloak-client"]);
    assert_eq!(run.code, 2);
    assert_eq!(run.stdout, "");
    stage.keep("form-needs", &run);
}

#[test]
fn kubectl_runs_what_the_list_allows_and_nothing_else() {
    const TEST: &str = "kubectl runs what the list allows and nothing else";
    let stage = Stage::new();
    let run = stage.named(&["--name", "lab"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let Some(version) = kubectl(TEST, &stage, &["version", "--client"]) else {
        return;
    };
    let minor = version.stdout.split('.').nth(1);
    if minor.and_then(|minor| minor.parse().ok()) < Some(36) {
        return datalab_lab::skip(TEST, "kubectl 1.36 or later");
    }
    let get = ["get", "--raw", "/version", "--request-timeout=10s"];
    let list = stage.setup(&["--print", "kuberc"]).stdout;
    fs::write(stage.path(".kube/kuberc"), &list).unwrap();
    let run = kubectl(TEST, &stage, &get).unwrap();
    assert!(run.stderr.contains("not logged in"), "{}", run.stderr);

    let program = stage.program().display().to_string();
    let other = list.replace(&program, "/bin/true");
    assert_ne!(other, list);
    fs::write(stage.path(".kube/kuberc"), &other).unwrap();
    let run = kubectl(TEST, &stage, &get).unwrap();
    assert!(!run.stderr.contains("not logged in"), "{}", run.stderr);
    assert!(run.stderr.contains("allowlist"), "{}", run.stderr);
}
