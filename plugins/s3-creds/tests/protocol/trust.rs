//! Whose word counts for where tokens go, and whose certificate authorities for whom.

use std::fs;

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, What};
use serde_json::{Value, json};

use crate::call::Call;
use crate::desk::Desk;

/// The platform of the store, whose word the user has taken for its services.
fn with_platform(desk: &Desk) {
    let url = format!("{}/api/public/configuration", desk.storage.url());
    edit(desk, |known| known["platform"] = json!(url));
}

/// Changes what the user has said yes to.
fn edit(desk: &Desk, change: impl FnOnce(&mut Value)) {
    let path = desk.path("config/kubectl-datalab/issuers.json");
    let mut known: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut known["issuers"][0]);
    desk.write_private(&path, known.to_string().as_bytes());
}

fn with_authorities<'a>(call: Call<'a>, desk: &Desk) -> Call<'a> {
    let file = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    call.words(["--ca-file".to_owned(), file(desk.storage.authority())])
        .words(["--issuer-ca".to_owned(), file(desk.provider.authority())])
}

#[test]
fn a_platforms_word_is_for_what_it_names_only() {
    let desk = Desk::new(Dialect::Minio);
    with_platform(&desk);
    let get = || with_authorities(desk.tool(["get", "-o", "json"]), &desk);
    // Who can set a variable is not the platform.
    for call in [
        get().with("DATALAB_STS_ENDPOINT", "https://127.0.0.1:1"),
        get().words(["--sts-endpoint", "https://127.0.0.1:1"]),
        get().words(["--client-id", "another"]),
    ] {
        let output = call.run();
        output.failed(4);
        assert!(output.stderr.contains("no token was sent"), "{output}");
    }
    assert_eq!(desk.provider.logins(), 0);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 0);
}

#[test]
fn a_platform_is_reached_by_tls() {
    let desk = Desk::new(Dialect::Minio);
    let output = desk
        .tool([
            "get",
            "-o",
            "json",
            "--onyxia",
            "http://platform.example",
            "--trust",
        ])
        .run();
    output.failed(2);
    assert!(output.stderr.contains("--allow-http"), "{output}");
}

#[test]
fn the_authorities_of_one_issuer_are_nobody_elses() {
    let desk = Desk::new(Dialect::Minio);
    let keys = desk.write("keys", "AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n");
    let words = ["get", "-o", "env", "--server", "static", "--keys", &keys];
    let output = desk
        .tool(words)
        .words(["--endpoint", "https://s3.example.org"])
        .run();
    assert_eq!(output.code, 0, "{output}");
    assert!(!output.stdout.contains("AWS_CA_BUNDLE="), "{output}");
    // Nor does the tool itself believe them for another place.
    let token = desk
        .provider
        .mint("kubernetes", &["openid", "minio"])
        .unwrap();
    let token = desk.write("token", &token);
    edit(&desk, |known| {
        known["issuer"] = json!("https://other.example");
    });
    let output = desk
        .tool([
            "get",
            "-o",
            "json",
            "--endpoint",
            desk.storage.url(),
            "--token",
            &token,
        ])
        .run();
    output.failed(4);
    assert!(output.stderr.contains("is not trusted"), "{output}");
}

#[test]
fn a_refusal_of_a_wrong_clock_stands_in_nobodys_way() {
    let desk = Desk::new(Dialect::Minio);
    desk.storage.set(|settings| settings.is_ready = false);
    desk.get().run().failed(5);
    desk.storage.set(|settings| settings.is_ready = true);
    let failed = desk
        .files()
        .into_iter()
        .find(|file| file.ends_with("failed.json"));
    let failed = failed.expect("because a refusal is kept for those who wait");
    let mut content: Value = serde_json::from_slice(&fs::read(&failed).unwrap()).unwrap();
    content["at"] = json!("2200-01-01T00:00:00Z");
    desk.write_private(&failed, content.to_string().as_bytes());
    desk.keys();
}

#[test]
fn a_token_from_standard_input_is_read_once_for_all_that_is_looked_at() {
    let desk = Desk::new(Dialect::Minio);
    let token = desk
        .provider
        .mint("kubernetes", &["openid", "minio"])
        .unwrap();
    let call = desk.tool(["doctor", "--endpoint", desk.storage.url(), "--token", "-"]);
    let output = with_authorities(call, &desk).reading(&token).run();
    assert_eq!(output.code, 0, "{output}");
}

#[test]
fn somebody_elses_login_gets_no_keys_that_were_under_way() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    // The session is alice's, and by the time of the answer somebody else's.
    let answered = Fault::at(Endpoint::AssumeRole, What::HoldAfter).times(1);
    desk.storage.arm([answered]);
    desk.tool(["logout"]).run();
    let call = desk.get().start();
    desk.until("an exchange", || desk.storage.issued().len() == 2);
    let sessions = desk.path("state/kubectl-datalab/oidc-login/sessions");
    for folder in fs::read_dir(sessions).unwrap() {
        let session = folder.unwrap().path().join("session.json");
        let mut content: Value = serde_json::from_slice(&fs::read(&session).unwrap()).unwrap();
        content["subject"] = json!("bob");
        desk.write_private(&session, content.to_string().as_bytes());
    }
    desk.storage.release();
    assert_eq!(call.wait().code, 0);
    let replies = desk
        .files()
        .into_iter()
        .filter(|file| file.components().any(|part| part.as_os_str() == "replies"));
    assert_eq!(replies.count(), 0);
}
