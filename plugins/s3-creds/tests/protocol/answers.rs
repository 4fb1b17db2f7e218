//! Answers that are none, servers that are not ready, and lines that break.

use std::time::Duration;

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, Reply, Transport, What};

use crate::desk::{Desk, keep, side_by_side};

const LOGIN_PAGE: &str =
    "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to go on</body></html>";

fn at(what: What) -> Fault {
    Fault::at(Endpoint::AssumeRole, what)
}

fn xml(status: u16, code: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Not here.</Message></Error>"
    );
    Reply::xml(status, &body)
}

#[test]
fn what_is_no_token_service() {
    let mut all = String::new();
    for (what, reply) in [
        ("a page", Reply::html(200, LOGIN_PAGE)),
        ("a page that says no", Reply::html(403, LOGIN_PAGE)),
        ("a store without one", xml(501, "NotImplemented")),
        ("a store that wants a bucket", xml(405, "MethodNotAllowed")),
        ("nothing", Reply::empty(404)),
        (
            "Garage",
            Reply::xml(
                403,
                "<Error><Code>AccessDenied</Code><Message>Forbidden: Garage does not support anonymous access yet</Message><Resource>/</Resource><Region>garage</Region></Error>",
            ),
        ),
        ("an empty yes", Reply::empty(200)),
        (
            "half a document",
            Reply::xml(200, "<AssumeRoleWithWebIdentityResponse><Cred"),
        ),
        (
            "a document of entities",
            Reply::xml(
                200,
                "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a><AccessKeyId>&c;</AccessKeyId></a>",
            ),
        ),
        ("json", Reply::json(200, &serde_json::json!({"ok": true}))),
    ] {
        let desk = Desk::new(Dialect::Minio);
        desk.storage.arm([at(What::Answer(reply))]);
        let output = desk.get().run();
        output.failed(2);
        assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1, "{output}");
        all.push_str(&format!("## {what}\n{output}\n\n"));
    }
    keep("no-service", &all);
}

/// As Ceph answers the first calls of a user that it has not met, where several come at once.
#[test]
fn a_user_who_is_made_by_two_calls_at_once_gets_keys() {
    let desk = Desk::new(Dialect::Ceph);
    let conflict = || at(What::Answer(xml(409, "BucketAlreadyExists")));
    desk.storage.arm([conflict().times(1)]);
    let output = desk.get().run();
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 2, "{output}");
    // What does not pass is no reason to go on asking.
    let desk = Desk::new(Dialect::Ceph);
    desk.storage.arm([conflict()]);
    let output = desk.get().run();
    assert_ne!(output.code, 0, "{output}");
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 2, "{output}");
}

#[test]
fn a_redirect_is_not_followed() {
    let mut all = String::new();
    for code in [301, 302, 303, 307, 308] {
        let desk = Desk::new(Dialect::Ceph);
        let elsewhere = format!("{}/login", desk.storage.url());
        let reply = Reply::redirect(code, &elsewhere);
        desk.storage.arm([at(What::Answer(reply))]);
        let output = desk.get().run();
        output.failed(2);
        assert_eq!(desk.storage.requests().len(), 1, "{output}");
        all.push_str(&format!("## {code}\n{output}\n\n"));
    }
    keep("redirect", &all);
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let desk = Desk::new(Dialect::Minio);
    desk.storage.arm([at(What::Answer(Reply::endless()))]);
    let output = desk.get().run();
    output.failed(2);
    desk.keep("endless", &output);
}

#[test]
fn a_server_that_is_not_ready_is_asked_again() {
    for what in [
        What::Answer(Reply::html(503, "busy")),
        What::Answer(Reply::html(500, "oops")),
        What::Answer(Reply::html(502, "bad gateway")),
        What::CutBefore,
        What::CutAfter,
        What::CutWithin,
    ] {
        let desk = Desk::new(Dialect::Minio);
        desk.storage.arm([at(what.clone()).times(2)]);
        let output = desk.get().run();
        output.json();
        assert_eq!(desk.storage.count(Endpoint::AssumeRole), 3, "{what:?}");
        assert_eq!(desk.provider.logins(), 1);
    }
}

/// Why a server never answers.
enum Never {
    Ready(Dialect),
    Otherwise(What),
    There,
}

#[test]
fn a_server_that_is_never_ready() {
    let dialects = [
        Dialect::Minio,
        Dialect::Ceph,
        Dialect::Rustfs,
        Dialect::Seaweedfs,
    ];
    let dialects = dialects.map(|dialect| (format!("{dialect:?}"), Never::Ready(dialect)));
    let page = Reply::html(504, "<h1>Gateway Time-out</h1>");
    let others = [
        ("a proxy's page", Never::Otherwise(What::Answer(page))),
        ("cut off", Never::Otherwise(What::CutBefore)),
        ("nobody there", Never::There),
    ];
    let others = others.map(|(title, case)| (title.to_owned(), case));
    let told = side_by_side(dialects.into_iter().chain(others), |case| {
        let dialect = match case {
            Never::Ready(dialect) => dialect,
            _ => Dialect::Minio,
        };
        let desk = Desk::new(dialect);
        let mut questions = 4;
        match case {
            Never::Ready(_) => desk.storage.set(|settings| settings.is_ready = false),
            Never::Otherwise(what) => desk.storage.arm([at(what)]),
            Never::There => {
                desk.storage.stop();
                questions = 0;
            }
        }
        let output = desk.get().run();
        output.failed(5);
        assert_eq!(
            desk.storage.count(Endpoint::AssumeRole),
            questions,
            "{output}"
        );
        Some(output)
    });
    keep("not-ready", &told);
}

#[test]
fn a_slow_server_is_waited_for() {
    let desk = Desk::new(Dialect::Ceph);
    desk.storage
        .arm([at(What::DelayBefore(Duration::from_secs(3)))]);
    let output = desk.get().run();
    output.json();
    assert!(output.took >= Duration::from_secs(3), "{output}");
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1);
}

#[test]
fn a_certificate_that_is_not_trusted() {
    let mut all = String::new();
    for (what, transport) in [
        ("signed by itself", Transport::SelfSigned),
        ("for another name", Transport::OtherName),
    ] {
        let desk = Desk::with(Dialect::Minio, |options| options.transport = transport);
        let output = desk.get().run();
        output.failed(4);
        assert_eq!(desk.storage.requests().len(), 0);
        all.push_str(&format!("## {what}\n{output}\n\n"));
    }
    // Of an authority that nobody has named.
    let desk = Desk::new(Dialect::Minio);
    let authority = desk.provider.authority().to_string_lossy().into_owned();
    let output = desk
        .tool(["get", "-o", "json", "--endpoint", desk.storage.url()])
        .words([
            "--issuer",
            &desk.provider.issuer(),
            "--client-id",
            "kubernetes",
        ])
        .words(["--issuer-ca", &authority])
        .run();
    output.failed(4);
    all.push_str(&format!("## of an unknown authority\n{output}\n\n"));
    keep("certificate", &all);
}

#[test]
fn http_and_https_are_told_apart() {
    let mut all = String::new();
    let desk = Desk::with(Dialect::Minio, |options| {
        options.transport = Transport::PlainHttp;
    });
    // On this machine's loopback plain http is as good.
    desk.get().run().json();
    let secure = desk.storage.url().replace("http://", "https://");
    desk.knows(&secure);
    let change = |words: Vec<String>, from: &str, to: &str| -> Vec<String> {
        words.iter().map(|word| word.replace(from, to)).collect()
    };
    let words = change(desk.source(), desk.storage.url(), &secure);
    let output = desk.tool(["get", "-o", "json"]).words(words).run();
    output.failed(2);
    all.push_str(&format!("## https where http is spoken\n{output}\n\n"));

    let desk = Desk::new(Dialect::Minio);
    let plain = desk.storage.url().replace("https://", "http://");
    desk.knows(&plain);
    let words = change(desk.source(), desk.storage.url(), &plain);
    let output = desk.tool(["get", "-o", "json"]).words(words).run();
    output.failed(5);
    all.push_str(&format!("## http where https is spoken\n{output}\n\n"));

    let words = change(desk.source(), desk.storage.url(), "http://s3.example.org");
    let output = desk.tool(["get", "-o", "json"]).words(words).run();
    output.failed(2);
    all.push_str(&format!("## http to another machine\n{output}\n\n"));
    keep("http", &all);
}

#[test]
fn a_cautious_reader_gets_past_what_it_does_not_know() {
    for dialect in Dialect::ALL {
        let desk = Desk::with(dialect, |options| {
            options.settings.adds_unknown_elements = true;
        });
        let keys = desk.keys();
        let issued = desk.storage.issued().pop().unwrap();
        assert_eq!(
            keys["accessKeyId"].as_str(),
            Some(&*issued.access_key_id),
            "{keys}"
        );
    }
}
