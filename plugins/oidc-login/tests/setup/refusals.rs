//! All that is wrong is told at once, and nothing is written.

use datalab_lab::identity_provider::{Lies, Options, Person, Transport};

use crate::stage::Stage;

#[test]
fn what_is_missing_is_named() {
    let stage = Stage::new();
    let run = stage.setup(&["--client-id", "kubernetes"]);
    assert_eq!(run.code, 2);
    stage.keep("missing", &run);
    stage.is_untouched();
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let stage = Stage::new();
    std::fs::write(stage.path("no.pem"), "no certificate").unwrap();
    let file = stage.path("no.pem").display().to_string();
    let run = stage.setup(&[
        "--issuer",
        "http://auth.example/realms/lab",
        "--client-id",
        "kuber netes",
        "--server",
        "api.example:6443",
        "--issuer-ca",
        &file,
        "--server-ca",
        "/nowhere/ca.pem",
    ]);
    assert_eq!(run.code, 2);
    stage.keep("all-at-once", &run);
    stage.is_untouched();
}

#[test]
fn an_issuer_that_is_none_is_refused() {
    let stage = Stage::new();
    stage.provider.set(|settings| {
        settings.lies = Lies {
            discovery_issuer: Some("https://other.example/realms/lab".to_owned()),
            ..Lies::default()
        };
    });
    let run = stage.named(&[]);
    assert_eq!(run.code, 2);
    stage.keep("issuer-names-another", &run);
    // The counterpart: another address may be somebody else's.
    assert!(!run.stderr.contains("try: "), "{}", run.stderr);

    let issuer = stage.provider.issuer();
    stage.provider.set(|settings| {
        settings.lies.discovery_issuer = Some(format!("{issuer}/"));
    });
    let run = stage.named(&[]);
    assert_eq!(run.code, 2);
    let spelt = format!("try: the same command with --issuer {issuer}/\n");
    assert!(run.stderr.contains(&spelt), "{}", run.stderr);

    let origin = stage.origin();
    let ca = stage.ca();
    let run = stage.setup(&[
        "--issuer",
        &origin,
        "--client-id",
        "kubernetes",
        "--server",
        &origin,
        "--issuer-ca",
        &ca,
        "--server-ca",
        &ca,
    ]);
    assert_eq!(run.code, 2);
    stage.keep("issuer-is-none", &run);
    stage.is_untouched();
}

#[test]
fn a_client_that_may_not_log_in_is_refused() {
    let stage = Stage::new();
    let (issuer, origin, ca) = (stage.provider.issuer(), stage.origin(), stage.ca());
    let words = |client: &'static str| {
        [
            "--issuer".to_owned(),
            issuer.clone(),
            "--client-id".to_owned(),
            client.to_owned(),
            "--server".to_owned(),
            origin.clone(),
            "--issuer-ca".to_owned(),
            ca.clone(),
            "--server-ca".to_owned(),
            ca.clone(),
        ]
    };
    let run = |client| {
        let words = words(client);
        stage.setup(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let refused = run("kubernets");
    assert_eq!(refused.code, 4);
    stage.keep("client-unknown", &refused);

    // The client of the platform's pages knows their address only.
    stage.provider.set(|settings| {
        let mut client = datalab_lab::identity_provider::default_client();
        client.redirect_uris = vec!["https://datalab.example/*".to_owned()];
        settings.clients.insert("onyxia".to_owned(), client);
    });
    let refused = run("onyxia");
    assert_eq!(refused.code, 4);
    stage.is_untouched();

    // The counterpart, with a person who has not yet decided.
    stage
        .provider
        .set(|settings| settings.person = Person::Hesitates);
    // One that comes back to one address only is welcome there.
    stage.provider.set(|settings| {
        let mut client = datalab_lab::identity_provider::default_client();
        client.redirect_uris = vec!["http://localhost:8000".to_owned()];
        settings.clients.insert("fixed".to_owned(), client);
    });
    assert_eq!(run("fixed").code, 4);
    stage.is_untouched();
    let mut fixed = words("fixed").to_vec();
    fixed.extend(
        [
            "--dry-run=client",
            "--redirect-url",
            "http://localhost:8000",
        ]
        .map(str::to_owned),
    );
    let fixed = stage.setup(&fixed.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(fixed.code, 0, "{}", fixed.stderr);
    stage.is_untouched();
    assert_eq!(run("kubernetes").code, 0);
    assert!(stage.kubeconfig().is_some());
    assert_eq!(stage.provider.logins(), 0);
}

#[test]
fn a_scope_that_is_not_there_is_refused() {
    let stage = Stage::new();
    let run = stage.named(&["--audience", "s3=nope"]);
    assert_eq!(run.code, 4);
    stage.keep("scope-unknown", &run);
    stage.is_untouched();
}

#[test]
fn a_server_whose_certificate_nobody_vouches_for_is_refused() {
    let stage = Stage::new();
    let server = Stage::new();
    let (issuer, origin, ca) = (stage.provider.issuer(), server.origin(), stage.ca());
    let words = [
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
        "--server",
        &origin,
        "--issuer-ca",
        &ca,
    ];
    let run = stage.setup(&words);
    assert_eq!(run.code, 5, "{} {}", run.stdout, run.stderr);
    server.keep("server-untrusted", &run);
    let run = stage.setup(&[&words[..], &["--server-ca", &ca]].concat());
    assert_eq!(run.code, 5);
    server.keep("server-other-authority", &run);
    stage.is_untouched();
    let right = server.ca();
    let run = stage.setup(&[&words[..], &["--server-ca", &right]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_server_that_cannot_be_reached_from_here_is_a_warning() {
    let stage = Stage::new();
    let (issuer, ca) = (stage.provider.issuer(), stage.ca());
    let run = stage.setup(&[
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
        "--server",
        "https://127.0.0.1:1",
        "--issuer-ca",
        &ca,
    ]);
    assert_eq!(run.code, 0);
    stage.keep("server-unreachable", &run);
}

#[test]
fn an_issuer_that_cannot_be_reached_is_no_warning() {
    let stage = Stage::new();
    stage.provider.stop();
    let run = stage.named(&[]);
    assert_eq!(run.code, 5);
    stage.keep("issuer-unreachable", &run);
    stage.is_untouched();
}

#[test]
fn an_issuer_over_http_is_never_asked() {
    let stage = Stage::of(Options {
        transport: Transport::PlainHttp,
        ..Options::default()
    });
    let run = stage.named(&[]);
    assert_eq!(run.code, 2);
    assert_eq!(stage.provider.requests().len(), 0);
    stage.is_untouched();
}

#[test]
fn a_platform_whose_certificate_nobody_vouches_for_names_the_flag() {
    let stage = Stage::new();
    stage.usual_platform();
    let run = stage.setup(&["--onyxia", &stage.origin()]);
    assert_eq!(run.code, 5);
    stage.keep("platform-untrusted", &run);
    stage.is_untouched();
}

#[test]
fn a_proxy_that_is_in_the_way_is_named_without_its_password() {
    let stage = Stage::new();
    let words = ["setup", "--onyxia", "https://datalab.invalid"];
    let proxy = [("HTTPS_PROXY", "http://me:proxy-password@127.0.0.1:1")];
    let run = stage.run_with(&words, &proxy);
    assert_eq!(run.code, 5);
    let said = "datalab.invalid:443 (through the proxy 127.0.0.1:1) cannot be reached";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert!(!run.stderr.contains("proxy-password"), "{}", run.stderr);
    // The counterpart: where it is not in the way, it is not.
    let run = stage.run_with(&words, &[proxy[0], ("NO_PROXY", "datalab.invalid")]);
    assert_eq!(run.code, 5);
    assert!(!run.stderr.contains("proxy"), "{}", run.stderr);
}
