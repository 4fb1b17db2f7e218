//! How a user proves to be one: plugins, certificates, and what is no longer served.

use std::path::Path;

use data_encoding::BASE64;
use datalab_core::kubeconfig::{Credential, ExecVersion, InteractiveMode, Overrides};

use super::{Home, of, text, with_user};

#[test]
fn plugins() {
    let exec = "{exec: {command: bin/plugin, args: [a], env: [{name: N, value: v}], apiVersion: client.authentication.k8s.io/v1, interactiveMode: IfAvailable, provideClusterInfo: true, installHint: hint}}";
    let home = Home::new(&[("config", &with_user(exec))]);
    let found = home.resolve(&Overrides::default()).unwrap();
    let Credential::Exec(spec) = found.credential else {
        panic!("no plugin")
    };
    assert_eq!(spec.command, home.path().join("bin/plugin"));
    assert_eq!(
        (spec.version, spec.interactive_mode),
        (ExecVersion::V1, InteractiveMode::IfAvailable)
    );
    assert_eq!(spec.environment, [("N".to_owned(), "v".to_owned())]);
    assert_eq!(spec.cluster.unwrap().server, "https://lab.example:6443");

    let Credential::Exec(spec) = of(&with_user(
        "{exec: {command: aws, apiVersion: client.authentication.k8s.io/v1beta1}}",
    ))
    .unwrap()
    .credential
    else {
        panic!("no plugin")
    };
    assert_eq!(spec.command, Path::new("aws"), "a bare name is looked up");
    assert_eq!(
        (spec.version, spec.interactive_mode),
        (ExecVersion::V1Beta1, InteractiveMode::IfAvailable)
    );

    for (exec, expected) in [
        (
            "{command: aws, apiVersion: client.authentication.k8s.io/v1alpha1}",
            "exec.apiVersion of the user entry in",
        ),
        (
            "{command: aws, apiVersion: client.authentication.k8s.io/v1}",
            "exec.interactiveMode of the user entry in",
        ),
        (
            "{apiVersion: client.authentication.k8s.io/v1}",
            "exec.command of the user entry in",
        ),
    ] {
        let error = text(of(&with_user(&format!("{{exec: {exec}}}"))).unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_half_of_a_certificate_is_no_certificate() {
    let error = text(
        of(&with_user(&format!(
            "{{client-certificate-data: {}}}",
            BASE64.encode(b"CRT")
        )))
        .unwrap_err(),
    );
    assert!(
        error.contains("there is no client-key beside it"),
        "{error}"
    );
}

#[test]
fn removed_providers_are_named() {
    let error = text(
        of(&with_user(
            "{auth-provider: {name: oidc, config: {id-token: sesame}}}",
        ))
        .unwrap_err(),
    );
    assert!(
        error.contains("uses the auth-provider \"oidc\"")
            && error.contains("kubectl datalab oidc-login"),
        "{error}"
    );
    assert!(!error.contains("sesame"), "{error}");
}
