//! What the command line says beats the files.

use std::time::Duration;

use data_encoding::BASE64;
use datalab_core::kubeconfig::{Credential, Error, Overrides, Trust};

use super::{Home, PLAIN, of, text, token, with_cluster, with_user};

#[test]
fn flags_beat_files() {
    let home = Home::new(&[
        ("config", &with_cluster("tls-server-name: inner")),
        ("ca.crt", "CA"),
    ]);
    let overrides = Overrides {
        namespace: Some("other".parse().unwrap()),
        token: Some("flag".to_owned().into()),
        server: Some("https://flag.example".to_owned()),
        certificate_authority: Some(home.path().join("ca.crt")),
        as_user: Some("you".to_owned()),
        as_groups: vec!["g".to_owned()],
        request_timeout: Some("5s".parse().unwrap()),
        ..Overrides::default()
    };
    let found = home.resolve(&overrides).unwrap();
    assert_eq!(
        (
            found.namespace.as_str(),
            token(&found),
            found.server.as_str()
        ),
        ("other", "flag", "https://flag.example")
    );
    assert_eq!(found.trust, Trust::Authorities(b"CA".to_vec()));
    assert_eq!(
        found.tls_server_name, None,
        "another server has another name"
    );
    assert_eq!(
        (
            found.impersonation.user.as_deref(),
            found.impersonation.groups
        ),
        (Some("you"), vec!["g".to_owned()])
    );
    assert_eq!(
        found.request_timeout.unwrap().limit(),
        Some(Duration::from_secs(5))
    );
    assert_eq!(
        home.resolve(&Overrides::default())
            .unwrap()
            .tls_server_name
            .as_deref(),
        Some("inner")
    );
}

#[test]
fn a_token_of_the_command_line_beats_a_token_file() {
    let home = Home::new(&[("config", &with_user("{token: inline, tokenFile: t}"))]);
    assert!(matches!(
        home.resolve(&Overrides::default()).unwrap().credential,
        Credential::TokenFile(_)
    ));
    let overrides = Overrides {
        token: Some("flag".to_owned().into()),
        ..Overrides::default()
    };
    assert_eq!(token(&home.resolve(&overrides).unwrap()), "flag");
}

#[test]
fn a_server_alone_is_enough() {
    let home = Home::new(&[]);
    let server = |server: &str, insecure| {
        let overrides = Overrides {
            server: Some(server.to_owned()),
            insecure_skip_tls_verify: insecure,
            ..Overrides::default()
        };
        home.resolve_in(&[], &overrides)
    };
    assert_eq!(
        server("localhost:8080", None).unwrap().server,
        "http://localhost:8080"
    );
    assert_eq!(
        server("lab.example", Some(true)).unwrap().server,
        "https://lab.example"
    );
    assert_eq!(
        server("https://lab.example", None)
            .unwrap()
            .namespace
            .as_str(),
        "default"
    );
    for bad in [
        "https://",
        "ftp://lab.example",
        "https://lab example",
        "https://lab.example:port",
    ] {
        let error = text(server(bad, None).unwrap_err());
        assert!(
            error.contains("server of the command line cannot be used") && error.contains(bad),
            "{error}"
        );
    }
}

#[test]
fn trust_and_distrust_exclude_each_other() {
    assert_eq!(
        of(&with_cluster("insecure-skip-tls-verify: true"))
            .unwrap()
            .trust,
        Trust::Insecure
    );
    let both = with_cluster(&format!(
        "insecure-skip-tls-verify: true, certificate-authority-data: {}",
        BASE64.encode(b"CA")
    ));
    assert!(matches!(of(&both), Err(Error::AuthoritiesAndInsecure)));
    let authority = with_cluster(&format!(
        "certificate-authority-data: {}",
        BASE64.encode(b"CA")
    ));
    let overrides = Overrides {
        insecure_skip_tls_verify: Some(true),
        ..Overrides::default()
    };
    assert_eq!(
        Home::new(&[("config", &authority)])
            .resolve(&overrides)
            .unwrap()
            .trust,
        Trust::Insecure,
        "the flag clears the file's authority"
    );
}

#[test]
fn without_tls_no_credential_is_used() {
    let found = of(&PLAIN.replace("https://lab", "http://lab")).unwrap();
    assert!(matches!(found.credential, Credential::None), "{found:?}");
}

#[test]
fn whom_to_act_as_is_named_first() {
    let overrides = Overrides {
        as_groups: vec!["g".to_owned()],
        ..Overrides::default()
    };
    let error = text(
        Home::new(&[("config", PLAIN)])
            .resolve(&overrides)
            .unwrap_err(),
    );
    assert!(
        error.contains("the impersonation of the command line cannot be used"),
        "{error}"
    );
    let error = text(of(&with_user("{token: t, as-uid: '1'}")).unwrap_err());
    assert!(
        error.contains("the impersonation of the user entry in "),
        "{error}"
    );
    let found = of(&with_user(
        "{token: t, as: you, as-groups: [g], as-user-extra: {k: [v]}}",
    ))
    .unwrap();
    assert_eq!(found.impersonation.extra["k"], ["v"]);
}
