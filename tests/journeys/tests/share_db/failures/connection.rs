use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use datalab_lab::tenant::Output;

use super::Scene;
use crate::transcript::command_line;

/// A kubeconfig with one context, for a server and a user as JSON says them.
fn kubeconfig(folder: &Path, server: &str, user: &str) -> PathBuf {
    let file = folder.join("kubeconfig");
    let text = format!(
        r#"{{"apiVersion": "v1", "kind": "Config", "current-context": "there",
            "contexts": [{{"name": "there", "context": {{"cluster": "there", "user": "me", "namespace": "user-me"}}}}],
            "clusters": [{{"name": "there", "cluster": {server}}}],
            "users": [{{"name": "me", "user": {user}}}]}}"#
    );
    fs::write(&file, text).expect("because the folder is the test's own");
    file
}

#[track_caller]
fn grant_with(scene: &Scene, file: &Path, options: &[&str]) -> Output {
    let words = ["postgres", "--with", "user-x"];
    let line = command_line([words.as_slice(), options].concat());
    scene.me.program(line).env("KUBECONFIG", file).run()
}

#[test]
fn a_server_that_is_away_or_is_none_is_told_apart() {
    let Some(scene) = Scene::required("unreachable") else {
        return;
    };
    let folder =
        tempfile::tempdir().expect("because the folder for temporary files can be written");
    // A port that was free a moment ago: nobody listens.
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("because loopback has free ports");
        listener.local_addr().expect("because it is bound").port()
    };
    let file = kubeconfig(
        folder.path(),
        &format!(r#"{{"server": "http://127.0.0.1:{port}"}}"#),
        "{}",
    );
    scene.keep("connection-refused", &grant_with(&scene, &file, &[]));

    let file = kubeconfig(
        folder.path(),
        r#"{"server": "https://api.cluster.invalid:6443"}"#,
        "{}",
    );
    scene.keep("connection-no-such-host", &grant_with(&scene, &file, &[]));

    let page = "<!doctype html><html><head><title>Portal</title></head><body><p>Please sign in.</p></body></html>";
    let server = answer_always("200 OK", "text/html", page);
    let file = kubeconfig(folder.path(), &format!(r#"{{"server": "{server}"}}"#), "{}");
    scene.keep("connection-html", &grant_with(&scene, &file, &[]));

    let server = answer_always("502 Bad Gateway", "text/html", "<h1>502 Bad Gateway</h1>");
    let file = kubeconfig(folder.path(), &format!(r#"{{"server": "{server}"}}"#), "{}");
    scene.keep(
        "connection-bad-gateway",
        &grant_with(&scene, &file, &["--request-timeout=5s"]),
    );

    let mute = TcpListener::bind("127.0.0.1:0").expect("because loopback has free ports");
    let address = mute.local_addr().expect("because it is bound");
    let file = kubeconfig(
        folder.path(),
        &format!(r#"{{"server": "http://{address}"}}"#),
        "{}",
    );
    scene.keep(
        "connection-mute",
        &grant_with(&scene, &file, &["--request-timeout=1s"]),
    );
}

/// A server that answers every request alike; its URL.
fn answer_always(status: &str, content_type: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("because loopback has free ports");
    let address = listener.local_addr().expect("because it is bound");
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn configurations_that_lead_nowhere_say_where_they_are_wrong() {
    let Some(scene) = Scene::required("kubeconfig") else {
        return;
    };
    let folder =
        tempfile::tempdir().expect("because the folder for temporary files can be written");
    let redacted = |output: &Output| {
        let folder = folder.path().to_string_lossy();
        output.to_string().replace(folder.as_ref(), "/folder")
    };
    let keep = |name: &str, output: &Output| scene.transcript.keep_text(name, &redacted(output));

    let unknown = scene.grant(&["--context", "elsewhere"]);
    keep("connection-unknown-context", &unknown);
    let missing = folder.path().join("missing");
    // As kubectl does, a list of files may name some that are not there; here it is the only one.
    keep(
        "connection-missing-kubeconfig",
        &grant_with(&scene, &missing, &[]),
    );
    let named = scene.grant(&["--kubeconfig", &missing.to_string_lossy()]);
    keep("connection-named-kubeconfig-missing", &named);
    let broken = folder.path().join("broken");
    fs::write(&broken, "contexts: [unclosed\n").expect("because the folder is the test's own");
    keep(
        "connection-broken-kubeconfig",
        &grant_with(&scene, &broken, &[]),
    );
    fs::write(&broken, "just a line").expect("because the folder is the test's own");
    keep(
        "connection-no-kubeconfig-at-all",
        &grant_with(&scene, &broken, &[]),
    );
    let plugin = r#"{"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login", "interactiveMode": "Never", "installHint": "apt install no-such-login"}}"#;
    let file = kubeconfig(
        folder.path(),
        r#"{"server": "https://127.0.0.1:1"}"#,
        plugin,
    );
    keep(
        "connection-login-program-missing",
        &grant_with(&scene, &file, &[]),
    );
}

/// A token that was good until its service account was deleted.
#[track_caller]
fn withdrawn_token(scene: &Scene) -> String {
    scene
        .me
        .kubectl(["create", "serviceaccount", "temporary"])
        .ok();
    let token = scene.me.kubectl(["create", "token", "temporary"]).ok();
    scene
        .me
        .kubectl(["delete", "serviceaccount", "temporary"])
        .ok();
    token.trim().to_owned()
}

#[test]
fn a_token_that_is_not_accepted_leads_to_the_login() {
    let Some(scene) = Scene::required("unauthorized") else {
        return;
    };
    let _database = scene.database();
    let view = [
        "config",
        "view",
        "--raw",
        "--minify",
        "--flatten",
        "--output=json",
    ];
    let mut config: serde_json::Value = serde_json::from_str(&scene.me.kubectl(view).ok())
        .expect("because kubectl writes JSON when asked to");
    let folder =
        tempfile::tempdir().expect("because the folder for temporary files can be written");
    let file = folder.path().join("kubeconfig");
    let unknown = "not-a-token-of-this-cluster";
    let withdrawn = withdrawn_token(&scene);
    for (name, token) in [
        ("connection-unknown-token", unknown),
        ("connection-withdrawn-token", &withdrawn),
    ] {
        config["users"][0]["user"] = serde_json::json!({"token": token});
        fs::write(&file, config.to_string()).expect("because the folder is the test's own");
        let refused = grant_with(&scene, &file, &["-v=9"]);
        assert_eq!(refused.code(), Some(4), "{refused}");
        assert!(!refused.to_string().contains(token), "the token is shown");
        let quiet = grant_with(&scene, &file, &[]);
        scene.keep(name, &quiet);
    }
}
