//! Nothing secret where others can see it.

use std::fs;

use datalab_lab::desk::has_strace;
use datalab_lab::identity_provider::Person;

use crate::desk::Desk;

/// What only the provider and the tool may know; a state and a nonce stand in the browser's address.
fn secrets(desk: &Desk) -> Vec<String> {
    let open = desk.pages().asked().concat();
    let mut secrets = desk.provider.secrets();
    secrets.retain(|secret| !open.contains(secret.as_str()));
    assert!(secrets.len() >= 5, "{}", secrets.len());
    secrets
}

#[track_caller]
fn assert_without_secrets(desk: &Desk, place: &str, text: &str) {
    for secret in secrets(desk) {
        assert!(!text.contains(&secret), "a secret in {place}");
    }
}

#[test]
fn children_get_no_secret_in_arguments_or_environment() {
    if !has_strace("children_get_no_secret_in_arguments_or_environment") {
        return;
    }
    let desk = Desk::new();
    let log = desk.path("children");
    let path = log.display().to_string();
    let strace = [
        "strace",
        "-f",
        "-v",
        "-s",
        "200000",
        "-e",
        "trace=execve",
        "-o",
        &path,
    ];
    desk.get_token().after(strace).run().token();
    let refresh = desk.verb("refresh").words(["--now"]).after(strace).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    let children = fs::read_to_string(log).unwrap();
    assert!(children.contains("execve"), "{children}");
    assert_without_secrets(&desk, "a child's arguments or environment", &children);
    let environment = fs::read_to_string(desk.path("browser-environment")).unwrap();
    assert_without_secrets(&desk, "the browser's environment", &environment);
    // The browser is not told what kubectl told the tool.
    assert_eq!(
        fs::read_to_string(desk.path("browser-arguments")).unwrap(),
        "1\n"
    );
}

#[test]
fn files_hold_no_secret_in_clear_but_the_ready_made_reply() {
    let desk = Desk::new();
    desk.log_in();
    let refresh = desk.verb("refresh").words(["--now"]).run();
    assert_eq!(refresh.code, 0, "{refresh}");
    let token = desk.get_token().run().token();
    let live = desk.provider.live_refresh_tokens();
    assert_eq!(live.len(), 1);
    for file in desk.files() {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let place = file.display().to_string();
        assert!(!text.contains(&live[0]), "the refresh token in {place}");
        let is_reply = place.contains("/replies/");
        assert!(is_reply || !text.contains(&token), "the token in {place}");
        if is_reply {
            assert!(text.contains(&token), "{place}");
        }
    }
}

#[test]
fn nothing_makes_it_talk_of_secrets() {
    let desk = Desk::new();
    let talkative = |call: crate::call::Call<'_>| {
        let call = call
            .with("RUST_LOG", "trace")
            .with("RUST_BACKTRACE", "full");
        let output = call.run();
        let text = match output.stdout.contains("ExecCredential") {
            true => output.stderr.clone(),
            false => format!("{}{}", output.stdout, output.stderr),
        };
        assert_without_secrets(&desk, &output.command, &text);
        output
    };
    desk.log_in();
    for verb in [
        "get-token",
        "login",
        "refresh",
        "whoami",
        "list",
        "doctor",
        "logout",
    ] {
        let call = match verb {
            "refresh" => desk.verb(verb).words(["--now"]),
            "list" => desk.tool([verb, "-o", "json"]),
            _ => desk.verb(verb),
        };
        talkative(call);
        desk.log_in();
    }
    // There is no switch for more talk; whoever adds one tries it here.
    for switch in ["-v", "-vv", "-v=9", "--v=9", "--verbose"] {
        let output = talkative(desk.verb("refresh").words(["--now", switch]));
        assert_eq!(output.code, 2, "{output}");
    }
}

#[test]
fn a_waiting_login_leaves_no_core_behind() {
    let desk = Desk::with(|settings| settings.person = Person::Hesitates);
    let running = desk.get_token().start();
    desk.until("the browser", || desk.pages().asked().len() == 1);
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.tool())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core = core.unwrap().split_whitespace().nth(4).unwrap();
    assert_eq!(core, "0");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait().failed(143);
}
