//! After a login that failed nobody is asked again at once.

use std::time::Duration;

use datalab_lab::identity_provider::Person;

use crate::desk::Desk;
use crate::terminal::Terminal;

#[test]
fn a_kubectl_that_asks_five_times_opens_one_browser() {
    // kubectl calls a helper that fails five times.
    let desk = Desk::with(|settings| settings.person = Person::Denies);
    let output = desk.get_token().times(5).run();
    output.failed(3);
    assert_eq!(desk.pages().asked().len(), 1, "{output}");
    desk.keep("storm-same-parent", &output);
}

#[test]
fn an_ide_that_asks_all_night_opens_one_browser_until_its_user_acts() {
    let desk = Desk::with(|settings| settings.person = Person::Denies);
    desk.get_token().run().failed(4);
    for _ in 0..5 {
        let output = desk.get_token().run();
        assert_ne!(output.code, 0, "{output}");
        assert!(output.took < Duration::from_secs(5), "{:?}", output.took);
        assert!(output.stderr.contains(" login --issuer "), "{output}");
    }
    assert_eq!(desk.pages().asked().len(), 1);
    desk.keep("storm-other-parent", &desk.get_token().run());
    // The user acts.
    desk.provider
        .set(|settings| settings.person = Person::Approves);
    let login = desk.verb("login").run();
    assert_eq!(login.code, 0, "{login}");
    desk.get_token().run().token();
    assert_eq!(desk.pages().asked().len(), 2);
}

#[test]
fn a_login_that_nobody_answered_is_not_begun_again_either() {
    let desk = Desk::with(|settings| settings.person = Person::Hesitates);
    desk.get_token()
        .words(["--login-timeout", "1s"])
        .run()
        .failed(9);
    let again = desk.get_token().words(["--login-timeout", "1s"]).run();
    assert_ne!(again.code, 0, "{again}");
    assert_eq!(desk.pages().asked().len(), 1, "{again}");
}

#[test]
fn a_login_that_waits_can_be_finished_from_another_terminal() {
    let mut desk = Desk::new();
    // The first browser is one that nobody sees: an IDE's, on another screen.
    desk.leave_pages_to_the_test();
    let waits = desk.get_token().start();
    desk.until("the browser", || desk.pages().asked().len() == 1);
    let joins = desk.verb("login").words(["--no-browser"]).start();
    joins.tool();
    desk.pages().open_new_ones();
    let joined = joins.wait();
    assert_eq!(joined.code, 0, "{joined}");
    waits.wait().token();
    assert_eq!(desk.provider.logins(), 1);
    assert_eq!(desk.pages().asked().len(), 1);
}

#[test]
fn a_login_without_a_browser_shows_its_address() {
    let mut desk = Desk::new();
    desk.leave_pages_to_the_test();
    let words = ["--no-browser", "--flow", "browser", "--login-timeout", "3s"];
    let output = desk.verb("login").words(words).run();
    assert_eq!(output.code, 9, "{output}");
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
    let address = format!("{}/protocol/openid-connect/auth?", desk.provider.issuer());
    assert!(output.stderr.contains(&address), "{output}");
    desk.keep("login-without-browser", &output);
}

#[test]
fn a_browser_that_cannot_be_started_is_no_end_for_a_person() {
    let desk = Desk::new();
    let call = || {
        let call = desk.get_token().with("BROWSER", "/nonexistent/browser");
        call.with("PATH", "/nonexistent")
    };
    let output = call().run();
    output.failed(9);
    desk.keep("login-no-browser-to-start", &output);
    let desk = Desk::new();
    let call = desk.get_token().with("BROWSER", "/nonexistent/browser");
    let words = call.words(["--flow", "browser"]);
    let mut terminal = Terminal::open(&desk, words.with("PATH", "/usr/bin"));
    let address = format!("{}/protocol/openid-connect/auth?", desk.provider.issuer());
    terminal.shows(&address);
    let screen = terminal.screen();
    let mut lines = screen.lines();
    let url = lines.find(|line| line.starts_with(&address)).unwrap();
    desk.pages().browser().open(url).unwrap();
    terminal.wait().token();
}
