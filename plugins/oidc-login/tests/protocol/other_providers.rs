//! Providers that keep to the standards otherwise than Keycloak does.

use std::time::Duration;

use datalab_lab::identity_provider::{Client, Endpoint};

use crate::desk::{CLIENT, Desk};
use crate::page::parameters;

/// As Dex, Google, Entra ID and oidc-provider do it without `offline_access`.
#[test]
fn without_a_refresh_token_the_token_is_served_to_its_end() {
    let desk = Desk::with(|settings| {
        settings.refreshes_offline_only = true;
        settings.access_token_seconds = 20;
    });
    let login = desk.verb("login").run();
    assert_eq!(login.code, 0, "{login}");
    desk.keep("login-without-refresh-token", &login);
    desk.keep("list-without-refresh-token", &desk.tool(["list"]).run());
    let token = desk.log_in().token();
    // Half of its life is over, which is when others are renewed.
    std::thread::sleep(Duration::from_secs(11));
    for _ in 0..2 {
        assert_eq!(desk.get_token().run().token(), token);
        desk.forget_replies();
    }
    assert_eq!(desk.provider.logins(), 1);
    // Other services' tokens need one, and another login would not bring it.
    let other = desk.verb("token").words(["--audience", "minio"]).run();
    assert!(
        other.stderr.contains("offline_access") || other.code == 0,
        "{other}"
    );
    desk.until("the end of the token", || {
        desk.forget_replies();
        desk.get_token().run().token() != token
    });
    // The counterpart: with the scope there is one.
    let login = desk
        .verb("login")
        .words(["--scope", "offline_access", "--prompt", "login"])
        .run();
    assert_eq!(login.code, 0, "{login}");
    assert!(login.stdout.contains("renewed when it is used"), "{login}");
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert_eq!(desk.provider.count(Endpoint::Refresh), 1);
}

/// As oidc-provider does it.
#[test]
fn a_scope_that_was_passed_over_at_the_login_does_not_stop_refreshes() {
    let mut desk = Desk::with(|settings| settings.passes_over_unknown_scopes = true);
    // Without scopes: the fake wants openid.
    desk.expect_complaints();
    let login = desk.verb("login").words(["--scope", "groups"]).run();
    assert_eq!(login.code, 0, "{login}");
    for requests in [2, 1, 1] {
        desk.provider.forget_requests();
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{refresh}");
        assert_eq!(desk.provider.count(Endpoint::Refresh), requests);
    }
    assert_eq!(desk.provider.logins(), 1);
    // A service's scope is wanted, and its absence said.
    let token = desk.verb("token").words(["--audience", "nonsense"]).run();
    token.failed(4);
    assert!(token.stderr.contains("knows no audience"), "{token}");
}

/// As OpenID Connect has it for browsers: RP-Initiated Logout, section 2.
#[test]
fn a_logout_page_for_people_ends_nothing_and_is_shown() {
    let desk = Desk::with(|settings| settings.asks_at_logout = true);
    desk.log_in();
    let output = desk.verb("logout").words(["--sso"]).run();
    assert_eq!(output.code, 6, "{output}");
    desk.keep("logout-by-hand", &output);
    assert_eq!(desk.provider.live_refresh_tokens(), Vec::<String>::new());
    let page = output
        .stdout
        .split_whitespace()
        .find(|word| word.contains("client_id="));
    assert!(page.is_some_and(|page| !page.contains("token")), "{output}");
}

/// OpenID Connect Core, section 12.2, allows it.
#[test]
fn a_refresh_that_never_brings_an_id_token_ends_in_a_login() {
    let desk = Desk::with(|settings| {
        settings.returns_id_token_on_refresh = false;
        settings.access_token_seconds = 6;
    });
    let before = desk.log_in().token();
    desk.until("the end of the token", || {
        desk.forget_replies();
        desk.get_token().run().token() != before
    });
    assert_eq!(desk.provider.logins(), 2);
}

/// OpenID Connect Core, section 12.2: only the subject must be there again.
#[test]
fn a_refresh_may_leave_out_the_name() {
    let desk = Desk::new();
    desk.log_in();
    desk.provider.set(|settings| {
        let nothing = serde_json::Value::Null;
        settings
            .claims
            .insert("preferred_username".to_owned(), nothing);
    });
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert!(refresh.stdout.contains("alice"), "{refresh}");
}

/// A secret with everything that has to be written otherwise in a form.
const SECRET: &str = "s3cr:t/+ %&=\u{e9}";

/// As Google's installed applications, and most clients of Dex: a secret, and one address to come
/// back to, with a port.
#[test]
fn a_client_with_a_secret_and_a_fixed_redirect_logs_in_and_is_renewed() {
    for (secret_in_form, codes) in [(false, 1), (true, 2)] {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let redirect = format!("http://localhost:{}", port.local_addr().unwrap().port());
        drop(port);
        let desk = Desk::with(|settings| {
            let client = Client {
                redirect_uris: vec![redirect.clone()],
                device_flow: true,
                secret: Some(SECRET.to_owned()),
                secret_in_form,
            };
            settings.clients.insert(CLIENT.to_owned(), client);
        });
        let file = desk.path("client-secret");
        desk.write_private(&file, format!("{SECRET}\n").as_bytes());
        let login = desk
            .verb("login")
            .words(["--client-secret-file", file.to_str().unwrap()])
            .words(["--redirect-url", &redirect])
            .words(["--login-parameter", "kc_idp_hint=corp", "--scope", "minio"])
            .run();
        assert_eq!(login.code, 0, "{login}");
        let page = parameters(&desk.pages().asked()[0]);
        assert_eq!(page["redirect_uri"], redirect);
        assert_eq!(page["kc_idp_hint"], "corp");
        // What the client takes is found out once.
        assert_eq!(desk.provider.count(Endpoint::RedeemCode), codes);
        desk.provider.forget_requests();
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{refresh}");
        let audience = desk.verb("token").words(["--audience", "minio"]).run();
        assert_eq!(audience.code, 0, "{audience}");
        desk.log_in();
        let logout = desk.verb("logout").run();
        assert_eq!(logout.code, 0, "{logout}");
        assert_eq!(desk.provider.live_refresh_tokens(), Vec::<String>::new());
        // A login by a program, and on another device, knows it all.
        desk.log_in();
        let login = ["--flow", "device", "--prompt", "login"];
        let login = desk.verb("login").words(login).start();
        desk.until("the code", || {
            !desk.provider.waiting_user_codes().is_empty()
        });
        let code = desk.provider.waiting_user_codes().remove(0);
        desk.provider.approve_device(&code);
        let login = login.wait();
        assert_eq!(login.code, 0, "{login}");
        // Dex looks for the client in the form only.
        let requests = desk.provider.requests();
        let mut begun = requests.iter();
        let begun = begun.find(|seen| seen.endpoint == Endpoint::DeviceAuthorization);
        assert_eq!(begun.unwrap().form["client_id"], CLIENT);
        for file in desk.files() {
            let content = std::fs::read(&file).unwrap();
            assert!(
                !String::from_utf8_lossy(&content).contains("s3cr"),
                "{}",
                file.display()
            );
        }
        // The secret is gone: nothing is asked, and that is said.
        std::fs::remove_file(&file).unwrap();
        let refresh = desk.verb("refresh").words(["--now"]).run();
        refresh.failed(2);
        assert!(refresh.stderr.contains("client-secret"), "{refresh}");
    }
}

/// The counterparts: the secret counts, and no kubeconfig names the file that is sent as one.
#[test]
fn a_clients_secret_is_needed_and_comes_from_its_user_alone() {
    let desk = Desk::with(|settings| {
        let client = settings.clients.get_mut(CLIENT).unwrap();
        client.secret = Some(SECRET.to_owned());
    });
    let without = desk.verb("login").run();
    without.failed(4);
    desk.keep("login-without-client-secret", &without);
    let file = desk.path("client-secret");
    desk.write_private(&file, SECRET.as_bytes());
    let words = ["--client-secret-file", file.to_str().unwrap()];
    desk.get_token().words(words).run().failed(2);
    let wrong = desk
        .verb("login")
        .words(["--redirect-url", "http://evil.example/"])
        .run();
    wrong.failed(2);
    let taken = desk
        .verb("login")
        .words(["--login-parameter", "state=x"])
        .run();
    taken.failed(2);
}
