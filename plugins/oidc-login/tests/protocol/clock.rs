//! Clocks that differ by five minutes, each way.

use jiff::Timestamp;

use crate::call::Output;
use crate::desk::Desk;

/// What is left of the reply's life, by this machine's clock.
fn seconds_left(output: &Output) -> i64 {
    let reply = output.json();
    let expiry = reply["status"]["expirationTimestamp"].as_str().unwrap();
    expiry.parse::<Timestamp>().unwrap().as_second() - Timestamp::now().as_second()
}

#[test]
fn a_provider_whose_clock_is_five_minutes_off_logs_in_and_serves() {
    for ahead in [-300, 300] {
        let desk = Desk::with(|settings| settings.clock_ahead_seconds = ahead);
        let first = desk.log_in();
        // The token lives for 300 s by any clock, whatever its own says.
        let left = seconds_left(&first);
        assert!(
            (240..=300).contains(&left),
            "{left} s left at {ahead} s ahead"
        );
        let second = desk.get_token().run();
        assert_eq!(second.token(), first.token(), "{ahead} s ahead");
        assert_eq!(desk.provider.logins(), 1);
        let refresh = desk.verb("refresh").words(["--now"]).run();
        assert_eq!(refresh.code, 0, "{ahead} s ahead: {refresh}");
        let left = seconds_left(&desk.get_token().run());
        assert!(
            (240..=300).contains(&left),
            "{left} s left at {ahead} s ahead"
        );
    }
}

#[test]
fn a_clock_that_is_set_right_between_two_calls_loses_nothing() {
    let desk = Desk::with(|settings| settings.clock_ahead_seconds = 300);
    desk.log_in();
    desk.provider
        .set(|settings| settings.clock_ahead_seconds = -300);
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    let left = seconds_left(&desk.get_token().run());
    assert!((240..=300).contains(&left), "{left} s left");
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn without_a_date_header_a_far_clock_is_told_by_name() {
    // A token from the future beyond all leeway: nobody can tell a wrong clock from a lie.
    let desk = Desk::with(|settings| settings.lies.issued_later_seconds = 3600);
    let output = desk.get_token().run();
    output.failed(4);
    desk.keep("clock-far-off", &output);
}

#[test]
fn times_in_documents_are_those_that_jq_reads() {
    let desk = Desk::new();
    desk.log_in();
    for verb in ["list", "whoami", "login", "logout"] {
        let call = match verb {
            "list" => desk.tool([verb]),
            verb => desk.verb(verb),
        };
        let output = call.words(["-o", "json"]).run();
        assert_eq!(output.code, 0, "{output}");
        let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let thing = document.get("items").map_or(&document, |items| &items[0]);
        for name in ["tokenExpires", "sessionEnds"] {
            let time = thing[name].as_str().unwrap();
            assert_eq!(time.len(), "2026-11-21T16:00:00Z".len(), "{output}");
        }
    }
}
