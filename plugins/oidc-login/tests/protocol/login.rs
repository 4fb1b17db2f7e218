//! The code flow, as it should be, and how it ends otherwise.

use std::time::Duration;

use datalab_lab::identity_provider::{Algorithm, Endpoint, Options, Person};

use crate::desk::Desk;
use crate::page::parameters;
use crate::terminal::Terminal;

#[test]
fn a_login_by_code_asks_for_what_it_must() {
    for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa] {
        let desk = Desk::of(Options {
            algorithm,
            ..Options::default()
        });
        let output = desk.log_in();
        assert_eq!(output.claims()["preferred_username"], "alice");
        let asked = desk.pages().asked();
        let asked = parameters(&asked[0]);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["response_type"], "code");
        assert!(asked["redirect_uri"].starts_with("http://127.0.0.1:"));
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        // An online session: one that outlives the user's own is asked for by name only.
        assert!(!asked["scope"].contains("offline_access"), "{asked:?}");
        for name in ["state", "nonce"] {
            assert!(asked[name].len() >= 22, "{name} has less than 128 bits");
        }
        assert_eq!(desk.provider.count(Endpoint::RedeemCode), 1);
    }
}

#[test]
fn states_nonces_and_verifiers_serve_once() {
    let desk = Desk::new();
    desk.log_in();
    let again = desk.verb("login").words(["--prompt", "login"]).run();
    assert_eq!(again.code, 0, "{again}");
    let asked = desk.pages().asked();
    let (first, second) = (parameters(&asked[0]), parameters(&asked[1]));
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(first[name], second[name], "{name}");
    }
    assert_eq!(second["prompt"], "login");
}

#[test]
fn the_page_at_the_end_holds_nothing_and_leads_nowhere() {
    let desk = Desk::new();
    desk.log_in();
    desk.until("the page", || desk.pages().shown().len() == 1);
    let page = desk.pages().shown()[0].clone().unwrap();
    assert_eq!(page.code, 200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("connection", "close"),
    ] {
        let said = page.header(name).unwrap_or_default().to_lowercase();
        assert!(said.contains(value), "{name}: {said:?}");
    }
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    for secret in desk.provider.secrets() {
        assert!(!page.body.contains(&secret), "a secret in the page");
    }
    for outside in ["http://", "https://", "//"] {
        assert!(
            !page.body.contains(&format!("\"{outside}")),
            "{}",
            page.body
        );
    }
}

#[test]
fn the_port_is_closed_after_the_answer() {
    let desk = Desk::new();
    desk.log_in();
    let asked = parameters(&desk.pages().asked()[0]);
    let error = desk.pages().browser().get(&asked["redirect_uri"]);
    let kind = error.unwrap_err().kind();
    assert_eq!(kind, std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_person_who_says_no_is_heard() {
    let desk = Desk::with(|settings| settings.person = Person::Denies);
    let output = desk.get_token().run();
    output.failed(4);
    desk.keep("login-denied", &output);
    assert_eq!(desk.provider.count(Endpoint::RedeemCode), 0);
}

#[test]
fn a_person_who_does_nothing_is_waited_for_as_long_as_was_said() {
    let desk = Desk::with(|settings| settings.person = Person::Hesitates);
    let output = desk.get_token().words(["--login-timeout", "2s"]).run();
    output.failed(9);
    desk.keep("login-unanswered", &output);
    assert!(output.took >= Duration::from_secs(2), "{:?}", output.took);
    assert!(output.took < Duration::from_secs(20), "{:?}", output.took);
}

#[test]
fn ctrl_c_ends_the_wait() {
    let desk = Desk::with(|settings| settings.person = Person::Hesitates);
    let running = desk.get_token().start();
    desk.until("the browser", || desk.pages().asked().len() == 1);
    running.signal(nix::sys::signal::Signal::SIGINT);
    running.wait().failed(130);
}

#[test]
fn without_a_display_a_person_at_a_terminal_gets_a_code_and_the_reason() {
    let desk = Desk::new();
    let call = || desk.get_token().without("DISPLAY").without("BROWSER");
    let mut terminal = Terminal::open(&desk, call());
    terminal.shows("on any device");
    desk.until("a device", || {
        !desk.provider.waiting_user_codes().is_empty()
    });
    let user_code = desk.provider.waiting_user_codes()[0].clone();
    terminal.shows(&user_code);
    desk.provider.approve_device(&user_code);
    terminal.wait().token();
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
    // Nobody reads the code: it is not waited for.
    let desk = Desk::new();
    let output = desk.get_token().without("DISPLAY").without("BROWSER").run();
    output.failed(3);
    desk.keep("login-nobody-there", &output);
    assert_eq!(desk.provider.count(Endpoint::DeviceAuthorization), 0);
}

#[test]
fn facts_choose_the_flow() {
    for (name, value) in [
        ("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22"),
        ("SSH_TTY", "/dev/pts/1"),
        ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
    ] {
        let desk = Desk::new();
        let call = desk.get_token().without("BROWSER").with(name, value);
        let mut terminal = Terminal::open(&desk, call);
        desk.until("a device", || {
            !desk.provider.waiting_user_codes().is_empty()
        });
        let user_code = desk.provider.waiting_user_codes()[0].clone();
        terminal.shows(&user_code);
        desk.provider.approve_device(&user_code);
        terminal.wait().token();
    }
}

#[test]
fn a_client_that_the_provider_does_not_know_is_told() {
    let mut desk = Desk::with(|settings| settings.clients.clear());
    desk.expect_complaints();
    // The browser shows why, and never comes back.
    let output = desk.get_token().words(["--login-timeout", "2s"]).run();
    output.failed(9);
    desk.until("the page", || desk.pages().shown().len() == 1);
    let page = desk.pages().shown()[0].clone().unwrap();
    assert_eq!(
        (page.code, page.body.as_str()),
        (400, "<p>Client not found.</p>")
    );
    let mut desk = Desk::with(|settings| settings.clients.clear());
    desk.expect_complaints();
    let output = desk.get_token().words(["--flow", "device"]).run();
    output.failed(4);
    desk.keep("login-unknown-client", &output);
}
