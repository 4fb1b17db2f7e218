//! Machines without a browser: a code on a terminal, entered on a telephone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout};

use datalab_journeys::logins::Laptop;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;
use regex::Regex;

use crate::scene::{NOTHING_THERE, Scene};

/// A program on a terminal of its own.
struct Terminal {
    program: Child,
    screen: BufReader<ChildStdout>,
    shown: String,
}

impl Terminal {
    #[track_caller]
    fn run(laptop: &Laptop, line: &str) -> Self {
        let script = [
            "script",
            "--quiet",
            "--return",
            "--command",
            line,
            "/dev/null",
        ];
        let mut program = laptop.program(script).spawn();
        let screen = program.stdout.take().expect("because stdout is piped");
        Self {
            program,
            screen: BufReader::new(screen),
            shown: String::new(),
        }
    }

    /// The address that it shows.
    #[track_caller]
    fn page(&mut self) -> String {
        let page = Regex::new(r"https://\S+/device\?user_code=[A-Z-]+");
        let page = page.expect("because it is a constant");
        loop {
            let line = self.line();
            assert_ne!(line, "", "it ended without an address:\n{}", self.shown);
            if let Some(page) = page.find(&line) {
                return page.as_str().to_owned();
            }
        }
    }

    /// The rest of what it shows, from its beginning; it succeeds.
    #[track_caller]
    fn ok(mut self) -> String {
        while !self.line().is_empty() {}
        let status = self.program.wait().expect("because the program is ours");
        assert!(status.success(), "{status}:\n{}", self.shown);
        self.shown
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        // A terminal whose program is gone cannot be read: then there is no more.
        let _ = self.screen.read_line(&mut line);
        self.shown.push_str(&line);
        line
    }
}

#[test]
fn a_machine_without_a_browser_shows_a_code() {
    let Some(stage) = Stage::required_lab("a machine without a browser shows a code") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    // Its polls are each second; Keycloak's own default is 5 s.
    let laptop = scene.laptop(&alice, "kubernetes-short").headless();

    // Where no terminal is, nobody could read a code: kubectl fails, and says what to do.
    let said = laptop.kubectl(&["get", "pods"]).fails_with(1);
    let login = "try: kubectl datalab oidc-login login --issuer";
    assert!(said.contains(login), "{said}");
    assert_eq!(scene.admin.count("LOGIN", &alice), 0);

    let mut kubectl = Terminal::run(&laptop, "kubectl get pods");
    let page = kubectl.page();
    let visit = laptop.telephone(false).visit(&page);
    visit.expect("because the page can be filled in");
    let shown = kubectl.ok();
    assert!(shown.contains(NOTHING_THERE), "{shown}");
    assert!(shown.contains('█'), "no picture for a telephone: {shown}");
    laptop.kubectl(&["get", "pods"]).ok();
    assert_eq!(scene.admin.count("LOGIN", &alice), 1);
}

#[test]
fn a_login_that_waits_is_finished_from_another_terminal() {
    let Some(stage) = Stage::required_lab("a login that waits is finished from another terminal")
    else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes-short").headless();
    let mut first = Terminal::run(&laptop, "kubectl get pods");
    let page = first.page();
    // The other one begins no login of its own, and shows the same page.
    let mut second = Terminal::run(&laptop, "kubectl datalab oidc-login login");
    assert_eq!(second.page(), page);
    let visit = laptop.telephone(false).visit(&page);
    visit.expect("because the page can be filled in");
    let shown = first.ok();
    assert!(shown.contains(NOTHING_THERE), "{shown}");
    let shown = second.ok();
    assert!(shown.contains(&alice), "{shown}");
    assert_eq!(scene.admin.count("LOGIN", &alice), 1);
    assert_eq!(scene.admin.sessions(&alice).len(), 1);
}
