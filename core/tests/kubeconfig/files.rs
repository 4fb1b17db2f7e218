//! Which files are read, and what they say.

use data_encoding::BASE64;
use datalab_core::kubeconfig::{Credential, Error, Overrides, Trust};

use super::{Home, PLAIN, of, text, token, with_cluster};

#[test]
fn the_home_directory_is_the_last_resort() {
    let home = Home::new(&[(".kube/config", PLAIN), ("other", "")]);
    let found = home
        .resolve_in(&[("HOME", "HOME")], &Overrides::default())
        .unwrap();
    assert_eq!(found.server, "https://lab.example:6443");
    assert_eq!(found.namespace.as_str(), "user-me");
    assert_eq!(found.context.as_deref(), Some("lab"));
    assert_eq!(
        found.source.as_deref(),
        Some(home.path().join(".kube/config").as_path())
    );
    assert_eq!(token(&found), "mine");
    let elsewhere = home.resolve_in(
        &[("HOME", "HOME"), ("KUBECONFIG", "HOME/other")],
        &Overrides::default(),
    );
    assert!(
        matches!(elsewhere, Err(Error::NotConfigured { .. })),
        "{elsewhere:?}"
    );
}

#[test]
fn missing_and_empty_files_are_skipped() {
    let home = Home::new(&[
        ("config", PLAIN),
        ("empty", ""),
        ("comment", "# nothing\n"),
        ("nulls", "clusters: null\ncontexts: null\nusers: null\n"),
    ]);
    let list = "HOME/none:HOME/empty::HOME/comment:HOME/nulls:HOME/config:HOME/config";
    assert_eq!(
        home.resolve_in(&[("KUBECONFIG", list)], &Overrides::default())
            .unwrap()
            .server,
        "https://lab.example:6443"
    );
}

#[test]
fn a_file_of_the_command_line_must_exist() {
    let home = Home::new(&[("config", PLAIN)]);
    let overrides = Overrides {
        kubeconfig: Some(home.path().join("none")),
        ..Overrides::default()
    };
    let error = text(home.resolve(&overrides).unwrap_err());
    assert!(
        error.contains(&format!("cannot read {}/none", home.path().display())),
        "{error}"
    );
    assert!(error.contains("No such file"), "{error}");
}

#[test]
fn a_file_of_the_command_line_is_the_only_one() {
    let home = Home::new(&[
        ("config", PLAIN),
        ("one", &PLAIN.replace("lab.example", "one.example")),
    ]);
    let overrides = Overrides {
        kubeconfig: Some(home.path().join("one")),
        ..Overrides::default()
    };
    assert_eq!(
        home.resolve(&overrides).unwrap().server,
        "https://one.example:6443"
    );
}

#[test]
fn the_first_file_wins_entry_by_entry() {
    let second = PLAIN
        .replace("current-context: lab", "current-context: bare")
        .replace("lab.example", "second.example")
        .replace("{token: mine}", "{token: theirs, as: nobody}")
        .replace("name: bare", "name: extra");
    let home = Home::new(&[("a", PLAIN), ("b", &second)]);
    let found = home
        .resolve_in(&[("KUBECONFIG", "HOME/a:HOME/b")], &Overrides::default())
        .unwrap();
    assert_eq!(
        (found.server.as_str(), token(&found)),
        ("https://lab.example:6443", "mine")
    );
    assert_eq!(found.impersonation.user, None, "an entry is taken whole");
    let overrides = Overrides {
        context: Some("extra".to_owned()),
        ..Overrides::default()
    };
    assert_eq!(
        home.resolve_in(&[("KUBECONFIG", "HOME/a:HOME/b")], &overrides)
            .unwrap()
            .namespace
            .as_str(),
        "default"
    );
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let config = "
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: me}}]
clusters: [{name: lab, cluster: {server: 'https://lab.example', certificate-authority: pki/ca.crt}}]
users: [{name: me, user: {client-certificate: pki/me.crt, client-key: pki/me.key, tokenFile: pki/token}}]
";
    let home = Home::new(&[
        ("d/config", config),
        ("d/pki/ca.crt", "CA"),
        ("d/pki/me.crt", "CRT"),
        ("d/pki/me.key", "KEY"),
    ]);
    let found = home
        .resolve_in(&[("KUBECONFIG", "HOME/d/config")], &Overrides::default())
        .unwrap();
    assert_eq!(found.trust, Trust::Authorities(b"CA".to_vec()));
    let certificate = found.client_certificate.unwrap();
    assert_eq!(
        (
            certificate.certificate.as_slice(),
            certificate.key.expose().as_slice()
        ),
        (&b"CRT"[..], &b"KEY"[..])
    );
    assert!(
        matches!(&found.credential, Credential::TokenFile(path) if *path == home.path().join("d/pki/token"))
    );
}

#[test]
fn inline_material_beats_files() {
    let config = with_cluster(&format!(
        "certificate-authority: none, certificate-authority-data: {}",
        BASE64.encode(b"CA")
    ));
    assert_eq!(
        of(&config).unwrap().trust,
        Trust::Authorities(b"CA".to_vec())
    );
    let error = text(of(&with_cluster("certificate-authority-data: 'no base64!'")).unwrap_err());
    assert!(
        error.contains("certificate-authority-data of ") && error.contains("it is not base64"),
        "{error}"
    );
}

#[test]
fn json_is_yaml_too() {
    let config = r#"{"current-context":"c","contexts":[{"name":"c","context":{"cluster":"c"}}],"clusters":[{"name":"c","cluster":{"server":"https://json.example"}}]}"#;
    assert_eq!(of(config).unwrap().server, "https://json.example");
}

#[test]
fn proxies_of_file_and_environment() {
    let proxy = |config: &str, variables: &[(&str, &str)]| {
        let home = Home::new(&[("config", config)]);
        let variables: Vec<_> = [("KUBECONFIG", "HOME/config")]
            .iter()
            .chain(variables)
            .copied()
            .collect();
        home.resolve_in(&variables, &Overrides::default())
            .unwrap()
            .proxy_url
    };
    let environment = [
        ("HTTPS_PROXY", "http://env:3128"),
        ("NO_PROXY", "other.example"),
    ];
    assert_eq!(proxy(PLAIN, &[]), None);
    assert_eq!(
        proxy(PLAIN, &environment).as_deref(),
        Some("http://env:3128")
    );
    assert_eq!(
        proxy(PLAIN, &[environment[0], ("NO_PROXY", "lab.example")]),
        None
    );
    let explicit = with_cluster("proxy-url: 'http://file:3128'");
    assert_eq!(
        proxy(&explicit, &environment).as_deref(),
        Some("http://file:3128")
    );
    assert_eq!(
        proxy(&explicit, &[environment[0], ("NO_PROXY", "*")]).as_deref(),
        Some("http://file:3128")
    );
}
