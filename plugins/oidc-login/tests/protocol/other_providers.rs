//! Providers that keep to the standards otherwise than Keycloak does.

use std::time::Duration;

use datalab_lab::identity_provider::Endpoint;

use crate::desk::Desk;

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
    assert!(other.stderr.contains("offline_access") || other.code == 0, "{other}");
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
    let page = output.stdout.split_whitespace().find(|word| word.contains("client_id="));
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
        settings.claims.insert("preferred_username".to_owned(), nothing);
    });
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    assert!(refresh.stdout.contains("alice"), "{refresh}");
}
