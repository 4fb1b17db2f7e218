//! Addresses that are no issuers.

use datalab_lab::identity_provider::{Endpoint, Fault, Lies, Options, Reply, Transport, What};

use crate::desk::{Desk, SERVER};

#[test]
fn an_issuer_that_cannot_be_reached_is_named() {
    let desk = Desk::new();
    desk.provider.stop();
    let output = desk.get_token().run();
    output.failed(5);
    desk.keep("issuer-unreachable", &output);
}

#[test]
fn an_issuer_whose_name_nobody_knows_is_named() {
    let desk = Desk::new();
    let issuer = "https://issuer.invalid/realms/datalab";
    desk.knows(issuer, &[SERVER]);
    let words = ["get-token", "--issuer", issuer, "--client-id", "kubernetes"];
    let output = desk.tool(words).asked_by_kubectl("v1", false).run();
    output.failed(5);
    desk.keep("issuer-unknown-name", &output);
}

#[test]
fn an_issuer_by_plain_http_is_refused() {
    let desk = Desk::of(Options {
        transport: Transport::PlainHttp,
        ..Options::default()
    });
    let output = desk.get_token().run();
    output.failed(2);
    desk.keep("issuer-http", &output);
    assert_eq!(desk.provider.requests().len(), 0);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    for (name, transport) in [
        ("issuer-self-signed", Transport::SelfSigned),
        ("issuer-other-name", Transport::OtherName),
    ] {
        let desk = Desk::of(Options {
            transport,
            ..Options::default()
        });
        let output = desk.get_token().run();
        output.failed(5);
        desk.keep(name, &output);
        assert_eq!(desk.provider.requests().len(), 0);
    }
}

#[test]
fn an_authority_has_to_be_named_to_be_trusted() {
    let desk = Desk::stranger(Options::default());
    let issuer = desk.provider.issuer();
    // Known, but by a list that names no authority.
    let list = serde_json::json!({
        "apiVersion": "datalab/v1",
        "kind": "KnownIssuers",
        "issuers": [{"issuer": issuer, "clientId": "kubernetes", "servers": [SERVER]}],
    });
    std::fs::create_dir_all(desk.path("config/kubectl-datalab")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(desk.path("config/kubectl-datalab"), mode).unwrap();
    let path = desk.path("config/kubectl-datalab/issuers.json");
    desk.write_private(&path, list.to_string().as_bytes());
    let words = [
        "get-token",
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
    ];
    let call = desk.tool(words).asked_by_kubectl("v1", false);
    call.run().failed(5);
    assert_eq!(desk.provider.requests().len(), 0);
    // A kubeconfig's word is not enough for an authority either; the user's own is.
    let output = desk.get_token().run();
    output.failed(4);
    desk.keep("issuer-other-authority", &output);
    assert_eq!(desk.provider.requests().len(), 0);
    let login = desk.verb("login").run();
    assert_eq!(login.code, 0, "{login}");
    desk.get_token().run().token();
}

#[test]
fn an_authority_file_that_is_none_is_named() {
    let desk = Desk::new();
    for (name, text) in [
        ("absent", None),
        ("empty", Some("")),
        ("key", Some("-----BEGIN")),
    ] {
        let file = desk.path(name);
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let issuer = desk.provider.issuer();
        let words = ["login", "--issuer", &issuer, "--client-id", "kubernetes"];
        let output = desk
            .tool(words)
            .words(["--issuer-ca", file.to_str().unwrap()])
            .run();
        output.failed(2);
        assert!(output.stderr.contains(name), "{output}");
    }
}

#[test]
fn what_is_no_openid_provider_is_told_from_one_that_has_trouble() {
    let mut told = String::new();
    let page = "<html><title>Welcome to nginx!</title></html>";
    let other = "https://login.example.org/.well-known/openid-configuration";
    for (name, code, reply) in [
        ("a page", 2, Reply::html(200, page)),
        ("not found", 2, Reply::html(404, page)),
        (
            "no realm",
            2,
            Reply::json(404, &serde_json::json!({"error": "Realm does not exist"})),
        ),
        (
            "other JSON",
            2,
            Reply::json(200, &serde_json::json!({"swagger": "2.0"})),
        ),
        ("forbidden", 2, Reply::html(403, page)),
        ("elsewhere", 5, Reply::redirect(302, other)),
        ("down", 5, Reply::html(502, page)),
    ] {
        let desk = Desk::new();
        let fault = Fault::at(Endpoint::Discovery, What::Answer(reply));
        desk.provider.arm([fault]);
        let output = desk.get_token().run();
        output.failed(code);
        told.push_str(&format!("# {name}, exit code {code}\n{}\n", output.stderr));
        assert_eq!(desk.pages().asked(), Vec::<String>::new(), "{name}");
    }
    Desk::new().keep_text("issuer-no-provider", &told);
}

#[test]
fn a_discovery_document_of_another_issuer_is_refused() {
    let desk = Desk::with(|settings| {
        settings.lies = Lies {
            discovery_issuer: Some("https://other.invalid/realms/datalab".to_owned()),
            ..Lies::default()
        };
    });
    let output = desk.get_token().run();
    output.failed(2);
    desk.keep("issuer-another", &output);
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
}

#[test]
fn endpoints_without_tls_are_refused() {
    let desk = Desk::new();
    let issuer = desk.provider.issuer();
    let insecure = issuer.replace("https://", "http://");
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let page = desk.provider.browser();
        let url = format!("{issuer}/.well-known/openid-configuration");
        let body = page.get(&url).unwrap().body;
        let mut document: serde_json::Value = serde_json::from_str(&body).unwrap();
        document[name] = serde_json::json!(format!("{insecure}/x"));
        let reply = What::Answer(Reply::json(200, &document));
        desk.provider.arm([Fault::at(Endpoint::Discovery, reply)]);
        let output = desk.get_token().run();
        assert_ne!(output.code, 0, "{name}: {output}");
        assert_eq!(desk.pages().asked(), Vec::<String>::new(), "{name}");
        desk.provider.arm([]);
    }
}
