//! Answers that are too long, lead elsewhere, or are none.

use std::time::Duration;

use datalab_lab::identity_provider::{Endpoint, Fault, IdentityProvider, Options, Reply, What};

use crate::desk::Desk;

#[test]
fn no_redirect_is_followed_with_a_token_in_hand() {
    let canary = IdentityProvider::start(Options::default()).unwrap();
    let elsewhere = format!("{}/protocol/openid-connect/token", canary.issuer());
    for code in [302, 307, 308] {
        let desk = Desk::new();
        desk.log_in();
        let there = What::Answer(Reply::redirect(code, &elsewhere));
        desk.provider.arm([Fault::at(Endpoint::Refresh, there)]);
        let refresh = desk.verb("refresh").words(["--now"]).run();
        refresh.failed(5);
        if code == 307 {
            desk.keep("redirect-at-refresh", &refresh);
        }
        let desk = Desk::new();
        let there = What::Answer(Reply::redirect(code, &elsewhere));
        desk.provider.arm([Fault::at(Endpoint::RedeemCode, there)]);
        desk.get_token().run().failed(5);
    }
    assert_eq!(canary.requests().len(), 0);
}

#[test]
fn an_answer_without_end_is_left_at_every_step() {
    for endpoint in [
        Endpoint::Discovery,
        Endpoint::Keys,
        Endpoint::RedeemCode,
        Endpoint::DeviceAuthorization,
    ] {
        let desk = Desk::new();
        let fault = Fault::at(endpoint, What::Answer(Reply::endless()));
        desk.provider.arm([fault]);
        let call = match endpoint {
            Endpoint::DeviceAuthorization => desk.get_token().words(["--flow", "device"]),
            _ => desk.get_token(),
        };
        let output = call.run();
        output.failed(5);
        assert!(
            output.stderr.contains("longer than"),
            "{endpoint:?}: {output}"
        );
        assert!(output.took < Duration::from_secs(20), "{:?}", output.took);
    }
}

#[test]
fn an_answer_that_is_a_page_is_no_answer() {
    let mut told = String::new();
    let page = "<html><head><title>Wartung</title></head><body>\u{1b}[2J</body></html>";
    for endpoint in [
        Endpoint::Discovery,
        Endpoint::Keys,
        Endpoint::RedeemCode,
        Endpoint::DeviceAuthorization,
    ] {
        let desk = Desk::new();
        let fault = Fault::at(endpoint, What::Answer(Reply::html(200, page)));
        desk.provider.arm([fault]);
        let call = match endpoint {
            Endpoint::DeviceAuthorization => desk.get_token().words(["--flow", "device"]),
            _ => desk.get_token(),
        };
        let output = call.run();
        assert_ne!(output.code, 0, "{endpoint:?}: {output}");
        assert!(!output.stderr.contains('\u{1b}'), "{endpoint:?}: {output}");
        told.push_str(&format!(
            "# {endpoint:?}, exit code {}\n{}\n",
            output.code, output.stderr
        ));
    }
    Desk::new().keep_text("answer-is-a-page", &told);
}

#[test]
fn a_login_outlives_what_passes() {
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        for what in [
            What::CutBefore,
            What::Answer(Reply::html(503, "<p>soon</p>")),
            What::Answer(Reply::html(429, "<p>soon</p>").header("retry-after", "1")),
        ] {
            let desk = Desk::new();
            desk.provider.arm([Fault::at(endpoint, what).times(1)]);
            desk.log_in();
            assert_eq!(desk.pages().asked().len(), 1);
        }
    }
}

#[test]
fn a_code_is_sent_once_whatever_becomes_of_the_answer() {
    // A second use would end the session: a code whose answer is lost is lost.
    for what in [
        What::CutAfter,
        What::CutWithin,
        What::AnswerAfter(Reply::html(502, "<p>?</p>")),
    ] {
        let desk = Desk::new();
        desk.provider
            .arm([Fault::at(Endpoint::RedeemCode, what).times(1)]);
        let output = desk.get_token().run();
        assert_ne!(output.code, 0, "{output}");
        assert_eq!(desk.provider.count(Endpoint::RedeemCode), 1);
        assert_eq!(desk.provider.punished_sessions(), 0);
        let login = desk.verb("login").run();
        assert_eq!(login.code, 0, "{login}");
    }
}
