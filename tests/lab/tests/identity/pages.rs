//! A person without a window at Keycloak's own pages.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use datalab_lab::headless::{Browser, Person};
use datalab_lab::https::Request;
use datalab_lab::keycloak::{Keycloak, REALM};
use datalab_lab::tenant::Stage;

/// The challenge of RFC 7636, appendix B, and its verifier.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn person(user: &str, password: &str) -> Person {
    Person {
        user: user.to_owned(),
        password: password.to_owned(),
        denies: false,
    }
}

fn browser(keycloak: &Keycloak, person: Person) -> Browser {
    let browser = Browser::new(person, keycloak.certificate_authority());
    browser.expect("because the lab's authority can be read")
}

/// A program that waits for one redirect, and answers what it was sent.
fn listen() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("because there are ports");
    let address = listener.local_addr().expect("because it listens");
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("because it listens");
        let mut bytes = [0; 4096];
        let count = stream.read(&mut bytes).expect("because somebody asks");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<p>thank you</p>");
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    });
    (format!("http://{address}/callback"), heard)
}

fn authorization(keycloak: &Keycloak, client: &str, redirect: &str) -> String {
    format!(
        "{}/protocol/openid-connect/auth?response_type=code&client_id={client}&scope=openid&state=s\
         &code_challenge={CHALLENGE}&code_challenge_method=S256&redirect_uri={redirect}",
        keycloak.issuer(REALM)
    )
}

/// Opens a login page and says what the redirect brought.
fn log_in(keycloak: &Keycloak, browser: &Browser, client: &str) -> String {
    let (redirect, heard) = listen();
    let visit = browser.visit(&authorization(keycloak, client, &redirect));
    let visit = visit.expect("because the page can be filled in");
    assert_eq!((visit.status, visit.text.as_str()), (200, "thank you"));
    heard.join().expect("because the listener was asked")
}

#[test]
fn a_password_is_typed_once_for_one_browser() {
    let Some(stage) = Stage::required_lab("a password is typed once for one browser") else {
        return;
    };
    let keycloak = stage.keycloak();
    let folder = tempfile::tempdir().expect("because the folder for temporary files is writable");
    let jar = folder.path().join("jar");
    let knows = browser(&keycloak, person("alice", "alice")).with_jar(&jar);
    assert!(log_in(&keycloak, &knows, "kubernetes").contains("code="));
    // Whoever sits there next needs no password, as long as the browser is the same.
    let forgot = browser(&keycloak, person("alice", "forgotten")).with_jar(&jar);
    assert!(log_in(&keycloak, &forgot, "onyxia-minio").contains("code="));
    let elsewhere = browser(&keycloak, person("alice", "forgotten"));
    let page = authorization(&keycloak, "kubernetes", "http://127.0.0.1:1/callback");
    let refused = elsewhere
        .visit(&page)
        .expect_err("because the password is wrong");
    assert!(
        refused.to_string().contains("Invalid username or password"),
        "{refused}"
    );
}

#[test]
fn consent_can_be_refused() {
    let Some(stage) = Stage::required_lab("consent can be refused") else {
        return;
    };
    let keycloak = stage.keycloak();
    let user = stage.play().name("careful");
    keycloak.admin(REALM).create_user(&user, &[]);
    let mut careful = person(&user, &user);
    careful.denies = true;
    let said = log_in(
        &keycloak,
        &browser(&keycloak, careful),
        "kubernetes-consent",
    );
    assert!(said.contains("error=access_denied"), "{said}");
    let agrees = browser(&keycloak, person(&user, &user));
    let said = log_in(&keycloak, &agrees, "kubernetes-consent");
    assert!(said.contains("code="), "{said}");
}

#[test]
fn a_code_lets_another_device_in() {
    let Some(stage) = Stage::required_lab("a code lets another device in") else {
        return;
    };
    let keycloak = stage.keycloak();
    for denies in [true, false] {
        let form = [
            ("client_id", "kubernetes-short"),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let endpoint = "protocol/openid-connect/auth/device";
        let device = Request::form(&format!("{}/{endpoint}", keycloak.issuer(REALM)), form)
            .and_then(|request| keycloak.client().send(&request))
            .expect("because Keycloak answers")
            .json();
        let text = |name: &str| {
            device[name]
                .as_str()
                .expect("because it is text")
                .to_owned()
        };
        let mut bob = person("bob", "bob");
        bob.denies = denies;
        let visit = browser(&keycloak, bob).visit(&text("verification_uri_complete"));
        let visit = visit.expect("because the page can be filled in");
        let (status, answer) = keycloak.token_endpoint(
            REALM,
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("client_id", "kubernetes-short"),
                ("device_code", &text("device_code")),
                ("code_verifier", VERIFIER),
            ],
        );
        if denies {
            assert_eq!(answer["error"], "access_denied", "{}", visit.text);
        } else {
            assert_eq!(status, 200, "{}: {answer}", visit.text);
        }
    }
}
