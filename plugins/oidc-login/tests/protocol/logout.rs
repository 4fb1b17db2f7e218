//! The end of a session, here and at the provider.

use datalab_lab::identity_provider::{Endpoint, Fault, Reply, What};

use crate::desk::Desk;

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
fn a_logout_of_all_accounts_ends_each() {
    let desk = Desk::new();
    desk.get_token().words(["--account", "alice"]).run().token();
    desk.provider
        .set(|settings| settings.user = datalab_lab::identity_provider::User::new("bob", &[]));
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
