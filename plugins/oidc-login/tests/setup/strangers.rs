//! Kubeconfigs of strangers: what they name is not what the user has said yes to.

use std::fs;

use crate::stage::Stage;

/// The words of a kubeconfig, with these certificate authorities.
fn get_token(stage: &Stage, authority: &str) -> crate::stage::Run {
    let issuer = stage.provider.issuer();
    stage.run(&[
        "get-token",
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
        "--issuer-ca",
        authority,
    ])
}

#[test]
fn another_authority_for_a_known_issuer_is_asked_about() {
    let stage = Stage::new();
    stage.log_in();
    let own = stage.ca();
    assert_eq!(get_token(&stage, &own).code, 0);

    let stranger = Stage::new();
    let file = stage.path("strangers.pem");
    fs::copy(stranger.ca(), &file).unwrap();
    let file = file.display().to_string();
    let known = stage.known_issuers();
    let before = stage.provider.requests().len();
    let run = get_token(&stage, &file);
    assert_eq!(run.code, 4, "{}", run.stdout);
    assert_eq!(run.stdout, "");
    stage.keep("stranger-authority", &run);
    assert_eq!(stage.provider.requests().len(), before);
    assert_eq!(stage.known_issuers(), known);
}

#[test]
fn a_login_that_only_a_kubeconfig_names_is_asked_about() {
    let stage = Stage::new();
    assert_eq!(stage.named(&["--name", "lab"]).code, 0);
    fs::remove_file(stage.path(".config/kubectl-datalab/issuers.json")).unwrap();
    let before = stage.provider.requests().len();
    let run = stage.run(&["login", "--flow", "browser"]);
    assert_eq!(run.code, 4, "{}", run.stderr);
    stage.keep("stranger-login", &run);
    assert_eq!(stage.provider.requests().len(), before);
    assert_eq!(stage.known_issuers(), None);
}
