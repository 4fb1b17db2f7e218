//! The device flow.

use std::time::Duration;

use datalab_lab::identity_provider::{Endpoint, Fault, Person, Reply, What};

use crate::call::{Output, Running};
use crate::desk::Desk;
use crate::terminal::Terminal;

fn begin(desk: &Desk) -> (Running<'_>, String) {
    let running = desk.get_token().words(["--flow", "device"]).start();
    desk.until("a device", || {
        !desk.provider.waiting_user_codes().is_empty()
    });
    let user_code = desk.provider.waiting_user_codes()[0].clone();
    (running, user_code)
}

fn end(desk: &Desk, answer: impl FnOnce(&str)) -> Output {
    let (running, user_code) = begin(desk);
    answer(&user_code);
    running.wait()
}

#[test]
fn a_device_login_shows_code_address_and_picture_and_proves_itself() {
    let desk = Desk::new();
    let (running, user_code) = begin(&desk);
    let page = format!("{}/device?user_code={user_code}", desk.provider.issuer());
    let opened = desk.provider.browser().open(&page).unwrap();
    assert!(opened.body.contains("Successful"), "{}", opened.body);
    let output = running.wait();
    assert_eq!(output.claims()["preferred_username"], "alice");
    let mut lines = output.stderr.lines();
    assert!(lines.any(|line| line.trim() == page), "{output}");
    assert!(output.stderr.contains(&user_code), "{output}");
    let begun = desk.provider.requests();
    let begun = begun
        .iter()
        .find(|seen| seen.endpoint == Endpoint::DeviceAuthorization);
    assert_eq!(
        begun.unwrap().parameter("code_challenge_method"),
        Some("S256")
    );
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
    // A session like any other.
    desk.forget_replies();
    desk.get_token().run().token();
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn at_a_terminal_the_address_is_a_picture_too() {
    let desk = Desk::new();
    let call = desk.get_token().words(["--flow", "device"]);
    let mut terminal = Terminal::open(&desk, call);
    desk.until("a device", || {
        !desk.provider.waiting_user_codes().is_empty()
    });
    let user_code = desk.provider.waiting_user_codes()[0].clone();
    terminal.shows(&user_code);
    let screen = terminal.screen();
    let picture = screen
        .lines()
        .filter(|line| line.contains('█') || line.contains('▀'));
    assert!(picture.count() > 10, "{screen}");
    desk.provider.approve_device(&user_code);
    terminal.wait().token();
}

#[test]
fn a_screen_that_is_too_narrow_for_the_picture_shows_the_address() {
    let desk = Desk::new();
    // The picture has some 45 columns.
    for (columns, has_picture) in [(30, false), (80, true)] {
        let call = desk.get_token().words(["--flow", "device"]);
        let mut terminal = Terminal::narrow(&desk, call, columns);
        desk.until("a device", || {
            !desk.provider.waiting_user_codes().is_empty()
        });
        let user_code = desk.provider.waiting_user_codes()[0].clone();
        terminal.shows("good for");
        let screen = terminal.screen();
        assert!(screen.contains(&format!("code {user_code}")), "{screen}");
        assert_eq!(screen.contains('█'), has_picture, "{screen}");
        assert_eq!(screen.contains("\u{1b}[30;47m"), has_picture, "{screen}");
        desk.provider.approve_device(&user_code);
        terminal.wait().token();
        desk.verb("logout").run();
    }
}

#[test]
fn a_device_that_is_denied_or_too_late_is_told_so_at_once() {
    let desk = Desk::new();
    let denied = end(&desk, |code| desk.provider.deny_device(code));
    denied.failed(4);
    desk.keep("device-denied", &denied);
    let desk = Desk::new();
    let late = end(&desk, |code| desk.provider.expire_device(code));
    late.failed(9);
    desk.keep("device-expired", &late);
}

#[test]
fn a_device_that_is_told_to_slow_down_adds_five_seconds() {
    let desk = Desk::new();
    let slow_down = Reply::error(400, "slow_down", "Slow down");
    let fault = Fault::at(Endpoint::PollDevice, What::Answer(slow_down));
    desk.provider.arm([fault.times(1)]);
    let (running, user_code) = begin(&desk);
    desk.provider.approve_device(&user_code);
    let output = running.wait();
    output.token();
    // Between the two polls: the interval of one second, and five.
    assert!(output.took >= Duration::from_secs(6), "{:?}", output.took);
    assert_eq!(desk.provider.count(Endpoint::PollDevice), 2);
}

#[test]
fn a_device_outlives_trouble_between_two_polls() {
    let desk = Desk::new();
    desk.provider.arm([
        Fault::at(Endpoint::PollDevice, What::CutBefore).times(1),
        Fault::at(
            Endpoint::PollDevice,
            What::Answer(Reply::html(503, "<p>later</p>")),
        )
        .times(1),
    ]);
    let (running, user_code) = begin(&desk);
    desk.until("two polls", || {
        desk.provider.count(Endpoint::PollDevice) >= 2
    });
    desk.provider.approve_device(&user_code);
    running.wait().token();
}

#[test]
fn a_client_without_the_device_flow_is_told_what_to_do() {
    let desk = Desk::with(|settings| {
        let client = settings.clients.get_mut("kubernetes");
        client.unwrap().device_flow = false;
    });
    let output = desk.get_token().words(["--flow", "device"]).run();
    output.failed(4);
    desk.keep("device-flow-off", &output);
}

#[test]
fn an_unanswered_device_is_waited_for_as_long_as_was_said() {
    let desk = Desk::with(|settings| settings.person = Person::Hesitates);
    let call = desk
        .get_token()
        .words(["--flow", "device", "--login-timeout", "2s"]);
    call.run().failed(9);
}

#[test]
fn a_provider_that_wants_a_poll_a_day_does_not_hold_the_wait_up() {
    // The user's limit, and the code's own.
    for (lifetime, limit) in [(600, "2s"), (2, "600s")] {
        let desk = Desk::with(|settings| {
            settings.person = Person::Hesitates;
            settings.device_interval_seconds = 86400;
            settings.device_code_seconds = lifetime;
        });
        let call = desk
            .get_token()
            .words(["--flow", "device", "--login-timeout", limit]);
        let output = call.run();
        output.failed(9);
        assert!(output.took < Duration::from_secs(30), "{:?}", output.took);
    }
}
