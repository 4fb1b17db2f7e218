//! The endpoint that hands out keys on this machine: to whom, and for how long.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::thread;

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, Reply, What};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::call::Running;
use crate::desk::{Desk, keep};

/// An endpoint that is up.
struct Served<'a> {
    call: Running<'a>,
    url: String,
    token: String,
}

/// Starts it, and waits until it says where it is.
fn serve<'a>(desk: &'a Desk, more: &[&str]) -> Served<'a> {
    let mut call = desk
        .tool(["serve", "-o", "json"])
        .words(desk.source())
        .words(more.iter().copied())
        .start();
    let mut line = String::new();
    BufReader::new(call.stdout()).read_line(&mut line).unwrap();
    let told: Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let token = match text("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        file if file.is_empty() => text("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        file => fs::read_to_string(file).unwrap(),
    };
    Served {
        call,
        url: text("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        token,
    }
}

/// Status and body of what curl is answered.
fn curl(url: &str, words: &[&str]) -> (u16, Value) {
    let output = Command::new("curl")
        .args([
            "-sS",
            "--max-time",
            "50",
            "--noproxy",
            "*",
            "-w",
            "\n%{http_code}",
        ])
        .args(words)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    let body = serde_json::from_str(body).unwrap_or_default();
    (code.parse().unwrap(), body)
}

impl Served<'_> {
    fn get(&self) -> (u16, Value) {
        let header = format!("Authorization: {}", self.token);
        curl(&self.url, &["-H", &header])
    }
}

#[test]
fn keys_are_for_who_has_the_token() {
    let desk = Desk::new(Dialect::Minio);
    let served = serve(&desk, &[]);
    let (status, keys) = served.get();
    let issued = desk.storage.issued().pop().unwrap();
    assert_eq!(status, 200);
    assert_eq!(keys["AccessKeyId"].as_str(), Some(&*issued.access_key_id));
    assert_eq!(
        keys["SecretAccessKey"].as_str(),
        Some(&*issued.secret_access_key)
    );
    assert_eq!(keys["Token"].as_str(), Some(&*issued.session_token));
    let right = format!("Authorization: {}", served.token);
    let wrong = format!("Authorization: {}x", served.token);
    let bearer = format!("Authorization: Bearer {}", served.token);
    let elsewhere = served.url.replace("/credentials", "/");
    let localhost = served.url.replace("127.0.0.1", "localhost");
    for (url, words, status) in [
        (&served.url, &[][..], 401),
        (&served.url, &["-H", &wrong], 401),
        (&served.url, &["-H", &bearer], 401),
        (&served.url, &["-H", "Authorization;"], 401),
        (&elsewhere, &["-H", &right], 404),
        (&served.url, &["-H", &right, "-d", "x=y"], 405),
        // A page in a browser that has this machine for its own name.
        (
            &served.url,
            &["-H", &right, "-H", "Host: rebound.example"],
            400,
        ),
        (&localhost, &["-H", &right], 400),
    ] {
        let (found, body) = curl(url, words);
        assert_eq!(found, status, "{words:?} {body}");
        assert!(!body.to_string().contains(&issued.secret_access_key));
    }
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1);
    served.call.signal(Signal::SIGTERM);
    assert_eq!(served.call.wait().code, 143);
}

#[test]
fn keys_are_renewed_over_three_lifetimes_by_one_exchange_each() {
    let desk = Desk::with(Dialect::Ceph, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(4);
    });
    let served = serve(&desk, &[]);
    let mut asked = 0;
    desk.until("three lifetimes", || {
        // Many at once, as the workers of a job do.
        let now = jiff::Timestamp::now();
        thread::scope(|scope| {
            let answers: Vec<_> = (0..8).map(|_| scope.spawn(|| served.get())).collect();
            for answer in answers {
                let (status, keys) = answer.join().unwrap();
                assert_eq!(status, 200, "{keys}");
                let end: jiff::Timestamp = keys["Expiration"].as_str().unwrap().parse().unwrap();
                assert!(end > now, "{keys}");
                asked += 1;
            }
        });
        desk.storage.issued().len() >= 4
    });
    assert!(asked >= 32);
    assert_eq!(desk.storage.issued().len(), 4);
    served.call.signal(Signal::SIGINT);
    assert_eq!(served.call.wait().code, 130);
}

#[test]
fn keys_that_cannot_be_renewed_are_told_so() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(3);
    });
    let served = serve(&desk, &[]);
    let first = served.get().1;
    desk.storage.set(|settings| settings.policies.clear());
    let mut last = (0, Value::Null);
    desk.until("a refusal", || {
        last = served.get();
        last.0 != 200
    });
    assert_eq!(last.0, 502);
    assert_eq!(last.1["code"], "NoCredentials");
    // Once the store gives keys again, so does the endpoint.
    desk.storage.set(|settings| {
        let none = serde_json::json!({"Statement": []});
        settings.policies.insert("stsonly".to_owned(), none);
    });
    let (status, keys) = served.get();
    assert_eq!(status, 200, "{keys}");
    assert_ne!(keys, first);
    served.call.signal(Signal::SIGTERM);
    let output = served.call.wait();
    assert!(output.stderr.contains("none of the policies"), "{output}");
}

#[test]
fn a_store_that_does_not_answer_holds_up_no_keys_that_hold() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(60);
    });
    let served = serve(&desk, &["--min-ttl", "59s"]);
    let busy = What::Answer(Reply::html(503, "busy"));
    desk.storage.arm([Fault::at(Endpoint::AssumeRole, busy)]);
    let questions = desk.storage.count(Endpoint::AssumeRole);
    desk.until("an attempt", || {
        assert_eq!(served.get().0, 200);
        desk.storage.count(Endpoint::AssumeRole) > questions
    });
    served.call.signal(Signal::SIGTERM);
    served.call.wait();
}

#[test]
fn the_token_can_be_kept_in_a_file_of_the_users_own() {
    let desk = Desk::new(Dialect::Minio);
    let file = desk.path("run/endpoint-token");
    let served = serve(&desk, &["--token-file", file.to_str().unwrap()]);
    assert_eq!(served.get().0, 200);
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let arguments = fs::read_to_string(format!("/proc/{}/cmdline", served.call.pid())).unwrap();
    assert!(!arguments.contains(&served.token));
    served.call.signal(Signal::SIGTERM);
    let output = served.call.wait();
    assert!(!output.to_string().contains(&served.token));
    assert!(!file.exists(), "it is of no use any more");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let desk = Desk::new(Dialect::Minio);
    let port = desk.storage.port().to_string();
    let output = desk
        .tool(["serve", "--port", &port])
        .words(desk.source())
        .run();
    output.failed(1);
    keep("port-taken", &output.to_string().replace(&port, "PORT"));
    // Before anybody is asked for anything.
    assert_eq!(desk.provider.logins(), 0);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 0);
}
