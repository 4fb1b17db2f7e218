//! Keycloak, or a person, says no: one clear message each, and nothing begun twice.

use std::io::{BufRead as _, BufReader, Read as _};

use datalab_journeys::transcript::Transcript;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;

use crate::scene::Scene;

/// 4: refused, by the provider or by a person.
const REFUSED: i32 = 4;

/// 9: waits for a person.
const WAITING: i32 = 9;

#[test]
fn a_no_on_the_page_of_consent_is_a_no() {
    let Some(stage) = Stage::required_lab("a no on the page of consent is a no") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let transcript = Transcript::of(&scene.play, "oidc_login");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes-consent");
    let login = ["kubectl", "datalab", "oidc-login", "login"];
    let denies = laptop.program(login).env("DATALAB_BROWSER_DENY", "1").run();
    transcript.keep("consent-refused", &denies);
    denies.fails_with(REFUSED);
    // No session is left of it, and a yes is as good as at first.
    let sessions = laptop.tool(&["list"]).ok();
    assert!(!sessions.contains(&alice), "{sessions}");
    laptop.program(login).run().ok();
    laptop.kubectl(&["get", "pods"]).ok();
}

#[test]
fn after_a_no_no_second_page_opens_for_the_same_command() {
    let Some(stage) = Stage::required_lab("after a no no second page opens") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes-consent");
    // kubectl runs its helper up to five times when that fails: that many pages would open.
    let kubectl = laptop
        .program(["kubectl", "get", "pods"])
        .env("DATALAB_BROWSER_DENY", "1");
    let said = kubectl.run();
    assert!(!said.succeeded(), "{said}");
    assert_eq!(laptop.typed(), 1, "{said}");
}

#[test]
fn a_code_that_is_refused_or_runs_out_is_said_to_be() {
    let Some(stage) = Stage::required_lab("a code that is refused or runs out") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes-short").headless();

    let login = ["kubectl", "datalab", "oidc-login", "login"];
    let mut waiting = laptop.program(login).spawn();
    let talk = waiting.stderr.take().expect("because stderr is piped");
    let mut talk = BufReader::new(talk);
    let mut page = String::new();
    while !page.starts_with("https://") {
        page.clear();
        let read = talk.read_line(&mut page);
        assert!(read.is_ok_and(|count| count > 0), "no page was shown");
    }
    let visit = laptop.telephone(true).visit(page.trim_end());
    visit.expect("because the page can be filled in");
    let mut rest = String::new();
    let read = talk.read_to_string(&mut rest);
    read.expect("because it is text");
    let status = waiting.wait().expect("because the program is ours");
    assert_eq!(status.code(), Some(REFUSED), "{rest}");
    assert!(rest.contains("the login was refused"), "{rest}");

    // Nobody enters this one, which Keycloak forgets after 8 s.
    let laptop = scene.laptop(&alice, "kubernetes-brief").headless();
    let said = laptop.tool(&["login"]).fails_with(WAITING);
    assert!(said.contains("the code was not entered in time"), "{said}");
    assert_eq!(scene.admin.count("LOGIN", &alice), 0);
}

#[test]
fn a_client_that_is_unknown_or_may_not_is_said_to_be() {
    let Some(stage) = Stage::required_lab("a client that is unknown or may not") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let transcript = Transcript::of(&scene.play, "oidc_login");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "no-device").headless();
    let device = laptop.tool(&["login", "--flow", "device"]);
    transcript.keep("device-flow-is-off", &device);
    assert!(!device.succeeded());
    let issuer = laptop.issuer();
    let authority = laptop.home().join("ca.crt");
    let copied = std::fs::copy(scene.keycloak.certificate_authority(), &authority);
    copied.expect("because the home is ours");
    let authority = authority.to_string_lossy();
    let named = [
        "--issuer",
        &issuer,
        "--client-id",
        "nobody",
        "--issuer-ca",
        &authority,
    ];
    let unknown = [&["login", "--flow", "device"], &named[..]].concat();
    let unknown = laptop.tool(&unknown);
    transcript.keep("unknown-client", &unknown);
    unknown.fails_with(REFUSED);
}

#[test]
fn a_session_that_an_administrator_ends_is_one_new_login() {
    let Some(stage) = Stage::required_lab("a session that an administrator ends") else {
        return;
    };
    let scene = Scene::new(&stage, REALM, "oidc-");
    let transcript = Transcript::of(&scene.play, "oidc_login");
    let alice = scene.member("alice");
    let laptop = scene.laptop(&alice, "kubernetes");
    laptop.kubectl(&["get", "pods"]).ok();
    scene.admin.end_sessions(&alice);
    let refreshed = laptop.tool(&["refresh", "--now"]);
    transcript.keep("session-ended", &refreshed);
    refreshed.ok();
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (2, 2));
    laptop.kubectl(&["get", "pods"]).ok();
    assert_eq!(laptop.typed(), 2);
}
