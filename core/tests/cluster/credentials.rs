//! Credential plugins, tokens and impersonation.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use data_encoding::BASE64;
use datalab_core::{
    cluster::{Cluster, Error, api::api::core::v1::Secret},
    kubeconfig::{Overrides, resolve},
    report::{Failure, Kind},
    world::{Captured, World},
};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    authority::{Authority, Clients},
    fake::{AGENT, Fake, Reply, Seen, secret, status},
    me,
};

/// A home with a kubeconfig and, beside it, a plugin that counts its runs.
struct Home {
    directory: TempDir,
    fake: Fake,
}

const V1: &str = "client.authentication.k8s.io/v1";

impl Home {
    async fn new(knows: &str, version: &str, script: &str, more: &Value) -> Self {
        let authority = Authority::new();
        let fake = Fake::start_secure(
            authority.server("127.0.0.1", Clients::Anybody),
            accepts(knows),
        )
        .await;
        let directory = tempfile::tempdir().unwrap();
        let plugin = directory.path().join("plugin");
        fs::write(
            &plugin,
            format!(
                "#!/bin/sh\ncd {}\necho run >> runs\nn=$(wc -l < runs)\n{script}\n",
                directory.path().display()
            ),
        )
        .unwrap();
        fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
        let mut exec =
            json!({"command": "./plugin", "apiVersion": version, "interactiveMode": "Never"});
        exec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let config = json!({
            "current-context": "lab",
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
            "clusters": [{"name": "lab", "cluster": {"server": fake.url(), "certificate-authority": "ca.crt", "extensions": [
                {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "lab"}}]}}],
            "users": [{"name": "me", "user": {"exec": exec}}],
        });
        fs::write(directory.path().join("config"), config.to_string()).unwrap();
        fs::write(directory.path().join("ca.crt"), authority.pem()).unwrap();
        Self { directory, fake }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    async fn connect(&self) -> (Result<Cluster, Error>, Captured) {
        let config = self.path().join("config");
        let path = std::env::var("PATH").unwrap();
        let (world, captured) = World::test(
            Timestamp::UNIX_EPOCH,
            [("KUBECONFIG", config.to_str().unwrap()), ("PATH", &path)],
        );
        let connection = resolve(&Overrides::default(), &world).unwrap();
        (Cluster::connect(connection, AGENT, &world).await, captured)
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.path().join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn kept(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }
}

fn prints(version: &str) -> String {
    format!(
        r#"echo '{{"apiVersion":"{version}","kind":"ExecCredential","status":{{"token":"t'$n'"}}}}'"#
    )
}

/// Knows one token.
fn accepts(token: &str) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    let expected = format!("Bearer {token}");
    move |request| match request.header("authorization") {
        Some(found) if found == expected => Reply::Json(200, secret("x")),
        _ => status(401, "Unauthorized", "Unauthorized"),
    }
}

#[tokio::test]
async fn a_plugin_runs_once_for_many_requests() {
    for version in [V1, "client.authentication.k8s.io/v1beta1"] {
        let home = Home::new("t1", version, &prints(version), &json!({})).await;
        let cluster = home.connect().await.0.unwrap();
        assert!(
            home.fake.seen().is_empty(),
            "connecting asks the server nothing"
        );
        for _ in 0..5 {
            cluster.get::<Secret>(&me(), "x").await.unwrap();
        }
        assert_eq!((home.runs(), home.fake.seen().len()), (1, 5));
    }
}

#[tokio::test]
async fn after_a_401_it_runs_once_more() {
    let home = Home::new("t2", V1, &prints(V1), &json!({})).await;
    let cluster = home.connect().await.0.unwrap();
    cluster.get::<Secret>(&me(), "x").await.unwrap();
    assert_eq!((home.runs(), home.fake.seen().len()), (2, 2));
    cluster.get::<Secret>(&me(), "x").await.unwrap();
    assert_eq!(
        (home.runs(), home.fake.seen().len()),
        (2, 3),
        "the new token is kept"
    );
}

#[tokio::test]
async fn a_write_is_repeated_after_a_401_too() {
    let home = Home::new("t2", V1, &prints(V1), &json!({})).await;
    let mut object = Secret::default();
    object.metadata.name = Some("x".to_owned());
    home.connect()
        .await
        .0
        .unwrap()
        .create(&me(), &object, Default::default())
        .await
        .unwrap();
    assert_eq!((home.runs(), home.fake.seen().len()), (2, 2));
}

#[tokio::test]
async fn requests_that_fail_together_share_one_run() {
    let home = Home::new("t2", V1, &prints(V1), &json!({})).await;
    let cluster = home.connect().await.0.unwrap();
    let name = me();
    for result in join_all((0..8).map(|_| cluster.get::<Secret>(&name, "x"))).await {
        result.unwrap();
    }
    assert_eq!(home.runs(), 2);
}

#[tokio::test]
async fn a_second_401_is_the_answer() {
    let home = Home::new("never", V1, &prints(V1), &json!({})).await;
    let error = home
        .connect()
        .await
        .0
        .unwrap()
        .get::<Secret>(&me(), "x")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error:?}");
    assert_eq!((home.runs(), home.fake.seen().len()), (2, 2));
}

#[tokio::test]
async fn the_plugin_is_told_what_it_may_know() {
    let script = format!(
        "printf %s \"$KUBERNETES_EXEC_INFO\" > info; printf %s \"$EXTRA $*\" > extra; {}",
        prints(V1)
    );
    let more = json!({"provideClusterInfo": true, "args": ["get", "a b"], "env": [{"name": "EXTRA", "value": "more"}]});
    let home = Home::new("t1", V1, &script, &more).await;
    home.connect().await.0.unwrap();
    assert_eq!(home.kept("extra"), "more get a b");
    let info: Value = serde_json::from_str(&home.kept("info")).unwrap();
    assert_eq!(
        info,
        json!({"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": false, "cluster": {"server": home.fake.url(), "certificate-authority-data": BASE64.encode(home.kept("ca.crt").as_bytes()), "config": {"audience": "lab"}}}})
    );
}

#[tokio::test]
async fn what_a_plugin_says_is_passed_on() {
    let home = Home::new(
        "t1",
        V1,
        &format!("echo 'session renewed' >&2; {}", prints(V1)),
        &json!({}),
    )
    .await;
    let (connected, captured) = home.connect().await;
    connected.unwrap();
    assert_eq!(captured.talk(), "session renewed\n");
}

#[tokio::test]
async fn a_plugin_that_fails_is_quoted() {
    let home = Home::new(
        "t1",
        V1,
        "echo 'no session, log in first' >&2; exit 3",
        &json!({}),
    )
    .await;
    let failure = Failure::from(home.connect().await.0.unwrap_err());
    assert_eq!(failure.kind(), Kind::NotFound);
    let text = failure
        .to_string()
        .replace(home.path().to_str().unwrap(), "HOME");
    assert_eq!(
        text,
        "error: the credential plugin HOME/plugin failed with exit code 3\n  - no session, log in first"
    );
}

#[tokio::test]
async fn answers_that_are_no_credential() {
    let cases = [
        (
            "echo sesame",
            "printed no ExecCredential: it is not JSON (line 1, column 1)",
        ),
        ("true", "printed no ExecCredential: it ends too early"),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"sesame"}}'"#,
            "where ExecCredential client.authentication.k8s.io/v1 was asked for",
        ),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}'"#,
            "without a status",
        ),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}}'"#,
            "neither a token nor a client certificate",
        ),
        (
            r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientKeyData":"sesame"}}'"#,
            "only one half",
        ),
    ];
    for (script, expected) in cases {
        let home = Home::new("t1", V1, script, &json!({})).await;
        let text = Failure::from(home.connect().await.0.unwrap_err()).to_string();
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("sesame"), "{text}");
    }
}

#[tokio::test]
async fn a_plugin_that_is_not_installed() {
    let more = json!({"command": "no-such-plugin", "installHint": "install it with: kubectl krew install no-such-plugin"});
    let home = Home::new("t1", V1, "", &more).await;
    let text = Failure::from(home.connect().await.0.unwrap_err()).to_string();
    assert_eq!(
        text,
        "error: the credential plugin no-such-plugin is not installed\n  - install it with: kubectl krew install no-such-plugin"
    );
}

#[tokio::test]
async fn a_plugin_that_needs_a_person() {
    let home = Home::new("t1", V1, &prints(V1), &json!({"interactiveMode": "Always"})).await;
    let error = home.connect().await.0.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("needs a person at a terminal (interactiveMode: Always)"),
        "{error}"
    );
    assert_eq!(home.runs(), 0);
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let authority = Authority::new();
    let fake = Fake::start_secure(
        authority.server("127.0.0.1", Clients::Anybody),
        accepts("sesame"),
    )
    .await;
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    let overrides = Overrides {
        server: Some(fake.url()),
        insecure_skip_tls_verify: Some(true),
        token: Some("sesame".to_owned().into()),
        ..Overrides::default()
    };
    let connection = resolve(&overrides, &world).unwrap();
    let shown = format!("{connection:?}");
    let cluster = Cluster::connect(connection, AGENT, &world).await.unwrap();
    cluster.get::<Secret>(&me(), "x").await.unwrap();
    assert!(!format!("{shown} {overrides:?} {cluster:?}").contains("sesame"));
}

#[tokio::test]
async fn without_tls_nobody_is_told_who_we_are() {
    let fake = Fake::start(|request| {
        match request
            .headers
            .keys()
            .find(|name| *name == "authorization" || name.starts_with("impersonate-"))
        {
            None => Reply::Json(200, secret("x")),
            Some(name) => status(400, "BadRequest", name),
        }
    })
    .await;
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    let overrides = Overrides {
        server: Some(fake.url()),
        token: Some("sesame".to_owned().into()),
        as_user: Some("you".to_owned()),
        ..Overrides::default()
    };
    let connection = resolve(&overrides, &world).unwrap();
    Cluster::connect(connection, AGENT, &world)
        .await
        .unwrap()
        .get::<Secret>(&me(), "x")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_plugin_may_hand_out_a_certificate() {
    let authority = Authority::new();
    let fake = Fake::start_secure(authority.server("127.0.0.1", Clients::Certified), |_| {
        Reply::Json(200, secret("x"))
    })
    .await;
    let (certificate, key) = authority.user();
    let credential = json!({"apiVersion": V1, "kind": "ExecCredential", "status": {"clientCertificateData": certificate, "clientKeyData": key}});
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    file("credential", &credential.to_string());
    file("ca.crt", &authority.pem());
    let config = file(
        "config",
        &json!({
            "current-context": "lab",
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
            "clusters": [{"name": "lab", "cluster": {"server": fake.url(), "certificate-authority": "ca.crt"}}],
            "users": [{"name": "me", "user": {"exec": {"command": "cat", "args": [home.path().join("credential")], "apiVersion": V1, "interactiveMode": "Never"}}}],
        })
        .to_string(),
    );
    let path = std::env::var("PATH").unwrap();
    let (world, _) = World::test(
        Timestamp::UNIX_EPOCH,
        [("KUBECONFIG", config.to_str().unwrap()), ("PATH", &path)],
    );
    let connection = resolve(&Overrides::default(), &world).unwrap();
    let cluster = Cluster::connect(connection, AGENT, &world).await.unwrap();
    assert!(cluster.get::<Secret>(&me(), "x").await.unwrap().is_some());
    assert_eq!(fake.seen()[0].header("authorization"), None);
}
