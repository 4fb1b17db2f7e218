//! Whoever presses Ctrl-C at a question wants to be out, wherever the tool was before it asked.

use std::fs;

use datalab_lab::identity_provider::Options;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::desk::{CLIENT, Desk};
use crate::terminal::Terminal;

const OTHERS: &str = "\
apiVersion: v1
kind: Config
clusters:
- name: lab
  cluster:
    server: https://other.example
";

#[test]
fn ctrl_c_ends_a_question_that_comes_after_a_wait() {
    let mut desk = Desk::stranger(Options::default());
    // Who plays the API server too has no /version.
    desk.expect_complaints();
    let kubeconfig = desk.path("home/.kube/config");
    fs::create_dir(kubeconfig.parent().unwrap()).unwrap();
    fs::write(&kubeconfig, OTHERS).unwrap();
    for (signal, code) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
        let issuer = desk.provider.issuer();
        let server = format!("https://127.0.0.1:{}", desk.provider.port());
        let authority = desk.provider.authority();
        let authority = authority.to_str().unwrap();
        let call = desk.tool(["setup", "--name", "lab", "--client-id", CLIENT]);
        let call = call.words(["--issuer", &issuer, "--issuer-ca", authority]);
        let call = call.words(["--server", &server, "--server-ca", authority]);
        let mut terminal = Terminal::open(&desk, call);
        terminal.shows("[y/N]");
        terminal.signal(signal);
        let output = terminal.wait();
        output.failed(code);
        assert!(output.stderr.contains("error: interrupted"), "{output}");
        assert_eq!(fs::read_to_string(&kubeconfig).unwrap(), OTHERS);
        assert_eq!(desk.known_issuers(), json!(null));
    }
}

#[test]
fn ctrl_c_ends_a_question_that_comes_first() {
    let desk = Desk::stranger(Options::default());
    let call = desk.verb("get-token").asked_by_kubectl("v1", true);
    let mut terminal = Terminal::open(&desk, call);
    terminal.shows("[y/N]");
    terminal.signal(Signal::SIGINT);
    terminal.wait().failed(130);
    assert_eq!(desk.provider.requests().len(), 0);
}
