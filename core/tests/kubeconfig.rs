//! kubectl's rules for files, entries and flags.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

use std::{fs, path::Path, time::Duration};

use data_encoding::BASE64;
use datalab_core::{
    kubeconfig::{
        Connection, Credential, Error, ExecVersion, InteractiveMode, Overrides, Trust, resolve,
    },
    report::{Failure, Kind},
    world::World,
};
use jiff::Timestamp;
use tempfile::TempDir;

const PLAIN: &str = "
apiVersion: v1
kind: Config
current-context: lab
preferences: {}
contexts:
- name: lab
  context: {cluster: lab, user: me, namespace: user-me}
- name: bare
  context: {cluster: lab}
clusters:
- name: lab
  cluster: {server: 'https://lab.example:6443'}
users:
- name: me
  user: {token: mine}
";

struct Home(TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            home.write(name, text);
        }
        home
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `HOME` in a value stands for this directory.
    fn resolve_in(
        &self,
        variables: &[(&str, &str)],
        overrides: &Overrides,
    ) -> Result<Connection, Error> {
        let home = self.path().to_str().unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.replace("HOME", home)))
            .collect();
        let (world, _) = World::test(
            Timestamp::UNIX_EPOCH,
            variables
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        resolve(overrides, &world)
    }

    fn resolve(&self, overrides: &Overrides) -> Result<Connection, Error> {
        self.resolve_in(&[("KUBECONFIG", "HOME/config")], overrides)
    }
}

/// One file, no flags.
fn of(config: &str) -> Result<Connection, Error> {
    Home::new(&[("config", config)]).resolve(&Overrides::default())
}

fn with_user(user: &str) -> String {
    PLAIN.replace("user: {token: mine}", &format!("user: {user}"))
}

fn with_cluster(more: &str) -> String {
    PLAIN.replace("6443'}", &format!("6443', {more}}}"))
}

fn token(connection: &Connection) -> &str {
    match &connection.credential {
        Credential::Token(token) => token.expose(),
        other => panic!("{other:?} is no token"),
    }
}

fn text(error: Error) -> String {
    let failure = Failure::from(error);
    assert_eq!(failure.kind(), Kind::Usage);
    failure.to_string()
}

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

#[test]
fn entries_that_are_not_there_name_those_that_are() {
    let named = |change: fn(&mut Overrides)| {
        let mut overrides = Overrides::default();
        change(&mut overrides);
        text(
            Home::new(&[("config", PLAIN)])
                .resolve(&overrides)
                .unwrap_err(),
        )
    };
    let error = named(|overrides| overrides.context = Some("labb".to_owned()));
    assert_eq!(
        error,
        "error: there is no context \"labb\" in the kubeconfig; there are bare, lab\ntry: kubectl config get-contexts"
    );
    let error = named(|overrides| overrides.user = Some("you".to_owned()));
    assert!(
        error.contains("no user \"you\"") && error.contains("there are me"),
        "{error}"
    );
    let error = named(|overrides| overrides.cluster = Some("x".to_owned()));
    assert!(error.contains("no cluster \"x\""), "{error}");
    let error = text(of(&PLAIN.replace("current-context: lab", "")).unwrap_err());
    assert_eq!(
        error,
        "error: no kubeconfig context is chosen; there are bare, lab\ntry: kubectl config use-context NAME"
    );
}

#[test]
fn nothing_at_all_says_where_it_looked() {
    let home = Home::new(&[]);
    let error = text(
        home.resolve_in(&[("HOME", "HOME")], &Overrides::default())
            .unwrap_err(),
    );
    assert!(
        error.contains(&format!(
            "there is none in {}/.kube/config, and this is not a pod",
            home.path().display()
        )),
        "{error}"
    );
    let error = text(home.resolve_in(&[], &Overrides::default()).unwrap_err());
    assert!(
        error.contains("neither KUBECONFIG nor HOME is set"),
        "{error}"
    );
}

#[test]
fn a_broken_file_is_named_and_not_quoted() {
    for broken in [
        "users: [{name: me, user: {token: [sesame]}}]",
        "token: sesame\n  - x: [",
        "\u{0}sesame",
        "[sesame]",
        "sesame",
    ] {
        let error = text(of(broken).unwrap_err());
        assert!(error.contains("/config is not a kubeconfig: "), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}

#[test]
fn a_namespace_that_is_none() {
    let error = text(of(&PLAIN.replace("namespace: user-me", "namespace: User_Me")).unwrap_err());
    assert!(
        error.contains("the namespace of context \"lab\" in ")
            && error.contains("only lower-case letters"),
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
