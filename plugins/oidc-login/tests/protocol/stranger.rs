//! A kubeconfig is somebody else's file: a new issuer, or a known one with another server, asks first.

use datalab_lab::identity_provider::Options;
use serde_json::json;

use crate::desk::{Desk, SERVER};
use crate::terminal::Terminal;

#[test]
fn a_new_issuer_without_a_terminal_is_refused_before_anything_is_sent() {
    let desk = Desk::stranger(Options::default());
    let output = desk.get_token().run();
    output.failed(4);
    desk.keep("stranger-new-issuer", &output);
    assert_eq!(desk.provider.requests().len(), 0);
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
    assert_eq!(desk.known_issuers(), json!(null));
}

#[test]
fn a_new_issuer_at_a_terminal_is_asked_about_and_remembered() {
    let desk = Desk::stranger(Options::default());
    let call = desk.verb("get-token").asked_by_kubectl("v1", true);
    let mut terminal = Terminal::open(&desk, call);
    terminal.shows("[y/N]");
    assert!(
        terminal.screen().contains(&desk.provider.issuer()),
        "{}",
        terminal.screen()
    );
    assert!(terminal.screen().contains(SERVER), "{}", terminal.screen());
    assert_eq!(desk.provider.requests().len(), 0, "asked first");
    terminal.types("y\n");
    let output = terminal.wait();
    output.token();
    desk.keep_text("stranger-asked", &output.stderr);
    let known = desk.known_issuers();
    assert_eq!(known["issuers"][0]["issuer"], json!(desk.provider.issuer()));
    assert_eq!(known["issuers"][0]["servers"], json!([SERVER]));
    // From now on nobody is asked, with a terminal or without.
    desk.forget_replies();
    desk.get_token().run().token();
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_no_or_nothing_at_all_is_a_no() {
    for answer in ["n\n", "\n", "\u{4}", "yellow\nn\n"] {
        let desk = Desk::stranger(Options::default());
        let call = desk.verb("get-token").asked_by_kubectl("v1", true);
        let mut terminal = Terminal::open(&desk, call);
        terminal.shows("[y/N]");
        terminal.types(answer);
        terminal.wait().failed(4);
        assert_eq!(desk.provider.requests().len(), 0, "{answer:?}");
        assert_eq!(desk.known_issuers(), json!(null), "{answer:?}");
    }
}

#[test]
fn a_known_issuer_gives_no_token_to_another_server() {
    let desk = Desk::new();
    desk.log_in();
    desk.provider.forget_requests();
    let other = "https://198.51.100.9:6443";
    let call = desk.verb("get-token").asked_for("v1", false, Some(other));
    let output = call.run();
    output.failed(4);
    desk.keep("stranger-other-server", &output);
    let call = desk.verb("get-token").asked_for("v1", true, Some(other));
    let mut terminal = Terminal::open(&desk, call);
    terminal.shows("[y/N]");
    assert!(terminal.screen().contains(other), "{}", terminal.screen());
    terminal.types("n\n");
    terminal.wait().failed(4);
    let call = desk.verb("get-token").asked_for("v1", true, Some(other));
    let mut terminal = Terminal::open(&desk, call);
    terminal.shows("[y/N]");
    terminal.types("y\n");
    terminal.wait().token();
    assert_eq!(
        desk.known_issuers()["issuers"][0]["servers"],
        json!([SERVER, other])
    );
    let call = desk.verb("get-token").asked_for("v1", false, Some(other));
    call.run().token();
    assert_eq!(desk.provider.logins(), 1, "the same session");
}

#[test]
fn another_client_of_a_known_issuer_is_a_new_issuer() {
    let desk = Desk::new();
    let authority = desk.provider.authority();
    let words = [
        "--client-id",
        "nobody",
        "--issuer-ca",
        authority.to_str().unwrap(),
    ];
    let call = desk.tool(["get-token", "--issuer", &desk.provider.issuer()]);
    let call = call.words(words).asked_by_kubectl("v1", false);
    call.run().failed(4);
    assert_eq!(desk.provider.requests().len(), 0);
    assert_eq!(desk.pages().asked(), Vec::<String>::new());
}

#[test]
fn a_kubeconfig_that_hides_its_server_gets_a_token_only_by_the_users_own_word() {
    let desk = Desk::new();
    desk.log_in();
    let hidden = || desk.verb("get-token").asked_for("v1", false, None).run();
    let output = hidden();
    output.failed(4);
    desk.keep("stranger-hidden-server", &output);
    let login = desk.verb("login").words(["--any-server"]).run();
    assert_eq!(login.code, 0, "{login}");
    hidden().token();
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn an_address_that_is_no_address_is_not_asked_about() {
    let desk = Desk::stranger(Options::default());
    for issuer in [
        "https://issuer.invalid/\u{1b}[2J\u{1b}[1;1Hhttps://sso.example.org",
        "https://sso.example.org@evil.invalid/",
        "https://sso.example.org /realms/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
    ] {
        let call = desk.tool(["get-token", "--issuer", issuer, "--client-id", "kubernetes"]);
        let output = Terminal::open(&desk, call.asked_by_kubectl("v1", true)).wait();
        output.failed(2);
        assert!(!output.stderr.contains("\u{1b}[2J"), "{output:?}");
    }
}

#[test]
fn what_is_to_be_pasted_is_safe_to_paste() {
    let desk = Desk::stranger(Options::default());
    let issuer = "https://sso.example.org/$(touch${IFS}/tmp/owned);realms";
    let words = ["get-token", "--issuer", issuer, "--client-id", "a'b;reboot"];
    let call = desk
        .tool(words)
        .asked_for("v1", false, Some("https://x/;reboot"));
    let output = call.run();
    output.failed(4);
    desk.keep("stranger-shell-words", &output);
    let quoted =
        format!("--issuer '{issuer}' --client-id 'a'\\''b;reboot' --server 'https://x/;reboot'");
    assert!(output.stderr.contains(&quoted), "{output}");
}

#[test]
fn a_list_of_known_issuers_that_others_may_write_is_not_believed() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let list = desk.path("config/kubectl-datalab/issuers.json");
    std::fs::set_permissions(&list, std::fs::Permissions::from_mode(0o666)).unwrap();
    let output = desk.get_token().run();
    assert_ne!(output.code, 0, "{output}");
    assert!(output.stderr.contains("issuers.json"), "{output}");
    assert_eq!(desk.provider.requests().len(), 0);
}
