//! A session outlives trouble with its refreshes.

use std::thread;
use std::time::Duration;

use datalab_lab::identity_provider::{Endpoint, Fault, Options, Reply, What};

use serde_json::json;

use crate::call::Output;
use crate::desk::{Desk, SERVER, side_by_side};

/// Long enough for a call on a busy machine, short enough to be waited for.
const LIFE_SECONDS: i64 = 24;

/// A kubectl call may wait so long for a refresh that is not needed yet.
const SLOWEST: Duration = Duration::from_secs(12);

/// A desk whose token is in the second half of its life: it is refreshed ahead of need.
fn in_need() -> (Desk, Output) {
    let desk = Desk::with(|settings| settings.access_token_seconds = LIFE_SECONDS);
    let first = desk.log_in();
    let issued = first.claims()["iat"].as_i64().unwrap();
    until_second(issued + LIFE_SECONDS / 2 + 1);
    desk.provider.forget_requests();
    (desk, first)
}

/// A desk whose token is over.
fn over() -> Desk {
    let desk = Desk::with(|settings| settings.access_token_seconds = 2);
    let expiry = desk.log_in().claims()["exp"].as_i64().unwrap();
    until_second(expiry + 1);
    desk.provider.forget_requests();
    desk
}

fn until_second(second: i64) {
    let now = jiff::Timestamp::now().as_millisecond();
    let wait = u64::try_from(second * 1000 - now).unwrap_or_default();
    thread::sleep(Duration::from_millis(wait));
}

#[test]
fn a_token_is_refreshed_ahead_of_need_by_one_request() {
    let (desk, first) = in_need();
    let second = desk.get_token().run();
    assert_ne!(second.token(), first.token());
    assert_eq!(second.claims()["sub"], first.claims()["sub"]);
    assert_eq!(desk.provider.count(Endpoint::Refresh), 1);
    assert_eq!(desk.provider.requests().len(), 1);
    assert_eq!(desk.get_token().run().token(), second.token());
    assert_eq!(desk.provider.requests().len(), 1);
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn while_a_token_is_valid_it_is_served_whatever_happens_to_its_refresh() {
    let troubles = [
        ("500", What::Answer(Reply::html(500, "<h1>Oops</h1>"))),
        (
            "429",
            What::Answer(Reply::html(429, "").header("retry-after", "60")),
        ),
        (
            "403",
            What::Answer(Reply::html(403, "<h1>Blocked by policy</h1>")),
        ),
        (
            "page",
            What::Answer(Reply::html(200, "<h1>Welcome to the hotel</h1>")),
        ),
        ("cut", What::CutBefore),
        ("silence", What::HoldBefore),
        ("endless", What::Answer(Reply::endless())),
    ];
    let told = side_by_side(troubles, |(name, what)| {
        let (desk, first) = in_need();
        desk.provider.arm([Fault::at(Endpoint::Refresh, what)]);
        let output = desk.get_token().run();
        assert_eq!(output.token(), first.token(), "{name}: {output}");
        let now = jiff::Timestamp::now().as_second();
        assert!(
            output.claims()["exp"].as_i64() > Some(now),
            "{name}: it is over"
        );
        assert!(output.took < SLOWEST, "{name}: {:?}", output.took);
        assert_eq!(desk.pages().asked().len(), 1, "{name}: a second browser");
        desk.provider.arm([]);
        desk.provider.release();
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{name}: {refresh}");
        assert_eq!(desk.provider.logins(), 1, "{name}");
        format!("# {name}\n{}\n", output.stderr)
    });
    Desk::new().keep_text("refresh-ahead-in-trouble", &told);
}

#[test]
fn a_token_that_is_over_is_not_served_and_trouble_opens_no_browser() {
    let troubles = [
        ("500", 5, What::Answer(Reply::html(500, "<h1>Oops</h1>"))),
        (
            "429",
            5,
            What::Answer(Reply::html(429, "").header("retry-after", "60")),
        ),
        (
            "unknown error",
            4,
            What::Answer(Reply::error(400, "server_error", "try again")),
        ),
        ("cut", 5, What::CutBefore),
    ];
    let mut told = side_by_side(troubles, |(name, code, what)| {
        let desk = over();
        desk.provider.arm([Fault::at(Endpoint::Refresh, what)]);
        let output = desk.get_token().run();
        output.failed(code);
        assert_eq!(desk.pages().asked().len(), 1, "{name}: a second browser");
        desk.provider.arm([]);
        desk.get_token().run().token();
        assert_eq!(desk.provider.logins(), 1, "{name}");
        format!("# {name}\n{}\n", output.stderr)
    });
    let desk = over();
    desk.provider.stop();
    let output = desk.get_token().run();
    output.failed(5);
    told.push_str(&format!("# unreachable\n{}\n", output.stderr));
    desk.provider.start_again().unwrap();
    desk.get_token().run().token();
    assert_eq!(desk.provider.logins(), 1);
    desk.keep_text("refresh-in-trouble", &told);
}

#[test]
fn a_session_that_the_provider_has_ended_is_begun_anew_once() {
    let desk = over();
    desk.provider.end_sessions();
    let output = desk.get_token().run();
    output.token();
    assert_eq!(desk.provider.logins(), 2);
    assert_eq!(desk.pages().asked().len(), 2);
    desk.keep_text("session-ended-by-the-provider", &output.stderr);
    assert_eq!(desk.provider.punished_sessions(), 0);
}

#[test]
fn an_answer_that_is_lost_costs_at_most_one_login() {
    let losses = [
        What::CutAfter,
        What::CutWithin,
        What::AnswerAfter(Reply::html(504, "<h1>Gateway Timeout</h1>")),
    ];
    side_by_side(losses, |what| {
        let mut desk = over();
        // With rotation the token may be tried again: whether it was used up is not known.
        desk.expect_complaints();
        desk.provider
            .arm([Fault::at(Endpoint::Refresh, what).times(1)]);
        desk.get_token().run();
        let output = desk.get_token().run();
        output.token();
        assert!(desk.provider.logins() <= 2, "{}", desk.provider.logins());
        // Settled: the next refresh needs nobody.
        let logins = desk.provider.logins();
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{refresh}");
        assert_eq!(desk.provider.logins(), logins);
        String::new()
    });
}

#[test]
fn without_rotation_a_lost_answer_costs_nothing() {
    let mut options = Options::default();
    options.settings.rotates = false;
    options.settings.access_token_seconds = 2;
    let desk = Desk::of(options);
    let expiry = desk.log_in().claims()["exp"].as_i64().unwrap();
    until_second(expiry + 1);
    desk.provider
        .arm([Fault::at(Endpoint::Refresh, What::CutAfter).times(1)]);
    // Either it was tried again at once, or the next call does.
    desk.get_token().run();
    desk.get_token().run().token();
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_401_is_answered_by_one_refresh_and_no_more() {
    // kubectl asks again, from the same process, for what it was just given: the server has
    // refused it. Sixteen times the same question is one answer.
    let desk = Desk::new();
    let refused = desk.log_in().token();
    desk.provider.forget_requests();
    let output = desk.get_token().times(16).run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(desk.provider.count(Endpoint::Refresh), 1);
    assert_eq!(desk.provider.logins(), 1);
    let served: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(served.len(), 16);
    assert!(
        served[0].contains(&refused),
        "another kubectl's first question"
    );
    let renewed = served[1..].iter().all(|reply| !reply.contains(&refused));
    assert!(renewed, "the refused token was given again");
    // Another kubectl meets the new token, and no refresh.
    assert!(!desk.get_token().run().stdout.contains(&refused));
    assert_eq!(desk.provider.count(Endpoint::Refresh), 1);
}

#[test]
fn a_program_that_asks_thrice_for_one_client_causes_no_refresh() {
    // As the kube crate does it; its question does not end in a newline, as client-go's does.
    let desk = Desk::new();
    let token = desk.log_in().token();
    desk.provider.forget_requests();
    let question = json!({
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "spec": {"interactive": true, "cluster": {"server": SERVER}},
    });
    let call = desk.verb("get-token").times(3);
    let output = call
        .with("KUBERNETES_EXEC_INFO", question.to_string())
        .run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let served = output.stdout.lines().filter(|reply| reply.contains(&token));
    assert_eq!(served.count(), 3);
    assert_eq!(desk.provider.requests().len(), 0);
}
