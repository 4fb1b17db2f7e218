//! What kubectl gets on stdout, and who is asked.

use jiff::Timestamp;
use serde_json::json;

use datalab_lab::identity_provider::Options;

use crate::call::Call;
use crate::desk::{Desk, SERVER};
use crate::terminal::Terminal;

#[test]
fn the_reply_is_one_object_in_the_version_that_was_asked_for() {
    let desk = Desk::new();
    for version in ["v1", "v1beta1"] {
        // The first is fresh from the provider, the second ready-made.
        for _ in 0..2 {
            let call = desk.verb("get-token").asked_by_kubectl(version, false);
            let output = call.run();
            let reply = output.json();
            let version = format!("client.authentication.k8s.io/{version}");
            assert_eq!(reply["apiVersion"], json!(version), "{output}");
            assert_eq!(reply["kind"], "ExecCredential");
            let status = reply["status"].as_object().unwrap();
            let mut fields = status.keys().map(String::as_str).collect::<Vec<_>>();
            fields.sort_unstable();
            assert_eq!(fields, ["expirationTimestamp", "token"], "{output}");
        }
    }
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn the_reply_expires_before_the_token_and_never_in_the_past() {
    for seconds in [4, 20, 300] {
        let desk = Desk::with(|settings| settings.access_token_seconds = seconds);
        let output = desk.log_in();
        let reply = output.json();
        let said = reply["status"]["expirationTimestamp"].as_str().unwrap();
        let said = said.parse::<Timestamp>().unwrap().as_second();
        let expiry = output.claims()["exp"].as_i64().unwrap();
        let margin = expiry - said;
        assert!(said > Timestamp::now().as_second(), "in the past: {output}");
        let most = (seconds / 10).clamp(1, 30);
        assert!((0..=most).contains(&margin), "{margin} s of {seconds} s");
    }
}

#[test]
fn the_bare_tool_with_the_environment_of_kubectl_does_the_same() {
    let desk = Desk::new();
    let token = desk.log_in().token();
    let bare = desk.tool(desk.session_words());
    assert_eq!(bare.asked_by_kubectl("v1", false).run().token(), token);
}

#[test]
fn by_hand_the_reply_is_that_of_v1() {
    let desk = Desk::new();
    desk.log_in();
    let output = desk.verb("get-token").run();
    let version = output.json()["apiVersion"].clone();
    assert_eq!(version, "client.authentication.k8s.io/v1");
}

#[test]
fn what_kubectl_says_that_is_not_understood_is_refused_before_anything_happens() {
    let desk = Desk::new();
    let ask = |info: &str| {
        let call = desk.verb("get-token").with("KUBERNETES_EXEC_INFO", info);
        call.run()
    };
    for info in [
        "{",
        "[]",
        "null",
        r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v2","spec":{}}"#,
        r#"{"kind":"Secret","apiVersion":"v1"}"#,
    ] {
        ask(info).failed(2);
    }
    assert_eq!(desk.provider.requests().len(), 0);
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
}

#[test]
fn a_browsers_noise_reaches_neither_stdout_nor_stderr() {
    let desk = Desk::new();
    let output = desk.log_in();
    assert_eq!(desk.pages().asked().len(), 1);
    assert!(!output.stdout.contains("browser session"), "{output}");
    assert!(!output.stderr.contains("gpu_init"), "{output}");
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    // Not even when kubectl says that somebody is there: kube-based programs say so without looking.
    for interactive in [false, true] {
        let desk = Desk::with(|_| {});
        desk.knows("https://other.invalid", &[]);
        let call = desk.verb("get-token").asked_by_kubectl("v1", interactive);
        call.run().failed(4);
        assert_eq!(desk.pages().asked(), Vec::<String>::new());
        assert_eq!(desk.provider.requests().len(), 0);
    }
}

#[test]
fn at_a_terminal_that_kubectl_needs_itself_nobody_is_asked() {
    let desk = Desk::with(|_| {});
    desk.knows("https://other.invalid", &[]);
    let call = desk.verb("get-token").asked_by_kubectl("v1", false);
    Terminal::open(&desk, call).wait().failed(4);
    assert_eq!(desk.provider.requests().len(), 0);
}

#[test]
fn every_verb_explains_itself_and_refuses_what_it_does_not_know() {
    let desk = Desk::new();
    let help = desk.tool(["get-token", "--help"]).run();
    assert_eq!(help.code, 0, "{help}");
    desk.tool(["get-token", "--unknown"]).run().failed(2);
    desk.tool(["no-such-verb"]).run().failed(2);
    let stranger = Desk::stranger(Options::default());
    let nothing = stranger
        .tool(["get-token"])
        .asked_for("v1", false, Some(SERVER));
    // No issuer, no kubeconfig, no session: there is nobody to be logged in as.
    nothing.run().failed(3);
    let half: Call<'_> = desk.tool(["get-token", "--client-id", "kubernetes"]);
    half.run().failed(2);
}
