//! The end of a session, here and at the provider.

use datalab_lab::identity_provider::{Endpoint, Fault, Reply, User, What, default_client};
use serde_json::json;

use crate::desk::Desk;

/// A desk whose login serves S3 by a client of its own, and where another tool has a client too.
fn with_services() -> Desk {
    let desk = Desk::with(|settings| {
        for client in ["minio", "other"] {
            settings.clients.insert(client.to_owned(), default_client());
        }
    });
    desk.knows_services(&json!([{"name": "s3", "clientId": "minio"}]));
    desk.log_in();
    let token = desk.verb("token").words(["--audience", "s3"]).run();
    assert_eq!(token.code, 0, "{token}");
    log_in_to_other(&desk, &[]);
    assert_eq!(desk.provider.live_refresh_tokens().len(), 3);
    desk
}

#[track_caller]
fn log_in_to_other(desk: &Desk, account: &[&str]) {
    let authority = desk.provider.authority();
    let issuer = desk.provider.issuer();
    let words = ["login", "--issuer", &issuer, "--client-id", "other"];
    let login = desk
        .tool(words)
        .words(["--issuer-ca", authority.to_str().unwrap()]);
    let login = login.words(account.iter().copied()).run();
    assert_eq!(login.code, 0, "{login}");
}

/// Whom there are sessions of: client and account.
fn sessions(desk: &Desk) -> Vec<(String, String)> {
    let list = desk.tool(["list", "--output=json"]).run();
    let list: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    let text = |item: &serde_json::Value, name: &str| item[name].as_str().unwrap().to_owned();
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| (text(item, "clientId"), text(item, "account")))
        .collect()
}

/// Neither a session nor a ready answer is left.
#[track_caller]
fn assert_gone(desk: &Desk) {
    for file in desk.files() {
        let name = file.display().to_string();
        let opens_doors = name.contains("/replies/") || name.ends_with("session.json");
        assert!(!opens_doors, "{name} is left");
    }
}

#[test]
fn a_logout_ends_the_refresh_token_and_what_was_made_from_it() {
    let desk = Desk::new();
    desk.log_in();
    assert_eq!(desk.provider.live_refresh_tokens().len(), 1);
    let output = desk.verb("logout").run();
    assert_eq!(output.code, 0, "{output}");
    desk.keep("logout", &output);
    assert_gone(&desk);
    assert_eq!(desk.provider.count(Endpoint::Revoke), 1);
    assert_eq!(desk.provider.live_refresh_tokens(), Vec::<String>::new());
    // Nothing is left that would answer, and nothing stands in the way of a login.
    desk.log_in();
    assert_eq!(desk.provider.logins(), 2);
    let again = desk.verb("logout").run();
    assert_eq!(again.code, 0, "{again}");
    let nothing = desk.verb("logout").run();
    assert_eq!(nothing.code, 0, "{nothing}");
}

#[test]
fn a_logout_everywhere_ends_the_login_itself() {
    let desk = Desk::new();
    desk.log_in();
    let output = desk.verb("logout").words(["--sso"]).run();
    assert_eq!(output.code, 0, "{output}");
    assert_gone(&desk);
    assert_eq!(desk.provider.count(Endpoint::Logout), 1);
    assert_eq!(desk.provider.live_sessions(), 0);
}

#[test]
fn a_logout_ends_what_services_with_a_client_of_their_own_have_of_the_login() {
    let desk = with_services();
    let output = desk.verb("logout").run();
    assert_eq!(output.code, 0, "{output}");
    desk.keep("logout-of-services", &output);
    assert_eq!(desk.provider.live_refresh_tokens().len(), 1);
    // The counterpart: what was logged in to by itself goes on.
    assert_eq!(sessions(&desk), [("other".to_owned(), "alice".to_owned())]);

    // A service that is left over, its login having ended by itself, ends too.
    let token = desk.verb("token").words(["--audience", "s3"]).run();
    assert_eq!(token.code, 0, "{token}");
    assert_eq!(sessions(&desk).len(), 2);
    let output = desk.verb("logout").run();
    assert!(output.stdout.starts_with("logged out alice"), "{output}");
    assert_eq!(sessions(&desk).len(), 1);
}

#[test]
fn a_logout_everywhere_leaves_no_session_of_that_person_and_those_of_others() {
    let desk = with_services();
    desk.provider
        .set(|settings| settings.user = User::new("bob", &[]));
    log_in_to_other(&desk, &["--account", "bob"]);
    let output = desk.verb("logout").words(["--sso"]).run();
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(sessions(&desk), [("other".to_owned(), "bob".to_owned())]);
    assert_eq!(desk.provider.live_refresh_tokens().len(), 1);
}

#[test]
fn a_logout_of_all_accounts_ends_each() {
    let desk = Desk::new();
    desk.get_token().words(["--account", "alice"]).run().token();
    desk.provider
        .set(|settings| settings.user = User::new("bob", &[]));
    desk.get_token().words(["--account", "bob"]).run().token();
    let output = desk.tool(["logout", "--all"]).run();
    assert_eq!(output.code, 0, "{output}");
    assert_gone(&desk);
    assert_eq!(desk.provider.live_refresh_tokens(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_ended_at_the_provider_is_ended_here_and_said() {
    let desk = Desk::new();
    desk.log_in();
    desk.provider.stop();
    let output = desk.verb("logout").run();
    assert_eq!(output.code, 6, "{output}");
    desk.keep_text("logout-unreachable", &output.stdout);
    assert_gone(&desk);
    desk.provider.start_again().unwrap();
    // The counterpart: at the provider it goes on, as was said.
    assert_eq!(desk.provider.live_refresh_tokens().len(), 1);

    let desk = Desk::new();
    desk.log_in();
    let page = What::Answer(Reply::html(500, "<h1>Oops</h1>"));
    desk.provider.arm([Fault::at(Endpoint::Revoke, page)]);
    let output = desk.verb("logout").run();
    assert_eq!(output.code, 6, "{output}");
    assert_gone(&desk);
}

#[test]
fn a_logout_while_a_refresh_is_under_way_leaves_nothing() {
    let desk = Desk::new();
    desk.log_in();
    desk.provider
        .arm([Fault::at(Endpoint::Refresh, What::HoldAfter).times(1)]);
    let refresh = desk.verb("refresh").words(["--now"]).start();
    desk.provider.until_held(crate::desk::PATIENCE);
    let logout = desk.verb("logout").start();
    logout.tool();
    desk.provider.release();
    refresh.wait();
    let output = logout.wait();
    assert_eq!(output.code, 0, "{output}");
    assert_gone(&desk);
    assert_eq!(desk.provider.live_refresh_tokens(), Vec::<String>::new());
}
