//! Many callers at once.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use datalab_lab::identity_provider::{Endpoint, Fault, Person, What};
use nix::sys::signal::Signal;

use crate::call::{Output, Running};
use crate::desk::{Desk, PATIENCE};

/// As many at once, each a kubectl of its own.
fn at_once(desk: &Desk, count: usize) -> Vec<Output> {
    let running: Vec<Running<'_>> = (0..count).map(|_| desk.get_token().start()).collect();
    running.into_iter().map(Running::wait).collect()
}

/// What they all have in their hands.
#[track_caller]
fn tokens(outputs: &[Output]) -> BTreeSet<String> {
    outputs.iter().map(Output::token).collect()
}

#[test]
fn twenty_cold_starts_make_one_login() {
    let desk = Desk::new();
    let outputs = at_once(&desk, 20);
    assert_eq!(tokens(&outputs).len(), 1);
    assert_eq!(desk.provider.logins(), 1);
    assert_eq!(desk.pages().asked().len(), 1);
    assert_eq!(desk.provider.count(Endpoint::RedeemCode), 1);
}

#[test]
fn sixty_four_warm_calls_ask_nobody() {
    let desk = Desk::new();
    let token = desk.log_in().token();
    desk.provider.forget_requests();
    let outputs = at_once(&desk, 64);
    assert_eq!(tokens(&outputs), BTreeSet::from([token]));
    assert_eq!(desk.provider.requests().len(), 0);
}

#[test]
fn twenty_calls_with_a_token_that_is_over_make_one_refresh() {
    let desk = Desk::with(|settings| settings.access_token_seconds = 2);
    let first = desk.log_in().token();
    // Of a token that is over in any case, and then one that lives long enough for all.
    desk.provider
        .set(|settings| settings.access_token_seconds = 300);
    thread::sleep(Duration::from_secs(3));
    desk.provider.forget_requests();
    let outputs = at_once(&desk, 20);
    let tokens = tokens(&outputs);
    assert_eq!(tokens.len(), 1);
    assert!(!tokens.contains(&first));
    assert_eq!(desk.provider.count(Endpoint::Refresh), 1);
    assert_eq!(desk.provider.punished_sessions(), 0);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn forced_refreshes_from_many_shells_never_use_a_token_twice() {
    let desk = Desk::new();
    desk.log_in();
    let refresh = || desk.verb("refresh").words(["--now"]).start();
    let running: Vec<Running<'_>> = (0..12).map(|_| refresh()).collect();
    for running in running {
        let output = running.wait();
        assert_eq!(output.code, 0, "{output}");
    }
    assert_eq!(desk.provider.punished_sessions(), 0);
    assert_eq!(desk.provider.logins(), 1);
    assert_eq!(desk.provider.live_refresh_tokens().len(), 1);
}

#[test]
fn sixty_four_warm_calls_do_not_wait_for_a_refresh() {
    let desk = Desk::new();
    let token = desk.log_in().token();
    desk.provider
        .arm([Fault::at(Endpoint::Refresh, What::HoldAfter)]);
    let refresh = desk.verb("refresh").words(["--now"]).start();
    desk.provider.until_held(PATIENCE);
    let outputs = at_once(&desk, 64);
    assert_eq!(tokens(&outputs), BTreeSet::from([token.clone()]));
    desk.provider.release();
    assert_eq!(refresh.wait().code, 0);
    assert_ne!(desk.get_token().run().token(), token);
}

#[test]
fn who_waits_for_a_login_that_was_killed_is_told_so_and_opens_no_browser() {
    let desk = Desk::with(|settings| settings.person = Person::Hesitates);
    let first = desk.get_token().start();
    desk.until("the browser", || desk.pages().asked().len() == 1);
    let second = desk.get_token().start();
    second.tool();
    first.signal(Signal::SIGKILL);
    first.wait();
    let output = second.wait();
    output.failed(3);
    desk.keep("login-killed", &output);
    assert_eq!(desk.pages().asked().len(), 1);
    desk.provider
        .set(|settings| settings.person = Person::Approves);
    let login = desk.verb("login").run();
    assert_eq!(login.code, 0, "{login}");
    desk.get_token().run().token();
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn two_accounts_on_one_issuer_do_not_meet() {
    let desk = Desk::new();
    let account = |name: &str| desk.get_token().words(["--account", name]).run();
    let user = |name: &str| {
        let user = datalab_lab::identity_provider::User::new(name, &[]);
        desk.provider.set(|settings| settings.user = user);
    };
    user("alice");
    let alice = account("alice");
    user("bob");
    let bob = account("bob");
    assert_eq!(alice.claims()["preferred_username"], "alice");
    assert_eq!(bob.claims()["preferred_username"], "bob");
    assert_eq!(account("alice").token(), alice.token());
    assert_eq!(account("bob").token(), bob.token());
    assert_eq!(desk.provider.logins(), 2);
}
