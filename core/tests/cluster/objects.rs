//! Reads and writes as they go over the wire.

use datalab_core::cluster::{Creation, Error, WriteMode, api::api::core::v1::Secret};
use jiff::Timestamp;
use serde_json::json;

use crate::{
    cluster,
    fake::{Fake, Reply, secret, status},
    me,
};

fn named(name: &str) -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some(name.to_owned());
    secret
}

#[tokio::test]
async fn what_is_not_there_is_no_error() {
    let fake = Fake::start(|_| status(404, "NotFound", "secrets \"x\" not found")).await;
    let cluster = cluster(&fake).await;
    assert!(cluster.get::<Secret>(&me(), "x").await.unwrap().is_none());
    assert!(
        !cluster
            .delete::<Secret>(&me(), "x", None, WriteMode::Commit)
            .await
            .unwrap()
    );
    assert!(matches!(
        cluster.list::<Secret>(&me(), "").await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn lists_are_read_to_the_last_page() {
    let fake = Fake::start(|request| {
        let target = request.target.replace("%3D", "=");
        assert!(target.contains("labelSelector=a=b") && target.contains("limit=500"), "{target}");
        match target.contains("continue=next") {
            false => Reply::Json(200, json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {"continue": "next"}, "items": [secret("a"), secret("b")]})),
            true => Reply::Json(200, json!({"kind": "SecretList", "apiVersion": "v1", "metadata": {}, "items": [secret("c")]})),
        }
    })
    .await;
    let secrets = cluster(&fake)
        .await
        .list::<Secret>(&me(), "a=b")
        .await
        .unwrap();
    let names: Vec<_> = secrets
        .into_iter()
        .filter_map(|secret| secret.metadata.name)
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_list_that_expires_half_way_is_read_anew() {
    let fake = Fake::start(|request| match request.target.as_str() {
        target if target.contains("continue=") => {
            status(410, "Expired", "The provided continue parameter is too old")
        }
        target if target.contains("limit=") => Reply::Json(
            200,
            json!({"metadata": {"continue": "old"}, "items": [secret("a")]}),
        ),
        _ => Reply::Json(
            200,
            json!({"metadata": {}, "items": [secret("a"), secret("b")]}),
        ),
    })
    .await;
    assert_eq!(
        cluster(&fake)
            .await
            .list::<Secret>(&me(), "")
            .await
            .unwrap()
            .len(),
        2
    );
    let targets: Vec<_> = fake
        .seen()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(targets.len(), 3);
    assert!(!targets.concat().contains("labelSelector"), "{targets:?}");
}

#[tokio::test]
async fn metadata_comes_alone() {
    let fake = Fake::start(|request| {
        let accepted = request.header("accept").unwrap_or_default();
        assert!(accepted.contains("as=PartialObjectMetadataList"), "{accepted}");
        Reply::Json(200, json!({"kind": "PartialObjectMetadataList", "metadata": {}, "items": [{"metadata": {"name": "x", "labels": {"a": "b"}}}]}))
    })
    .await;
    let metadata = cluster(&fake)
        .await
        .list_metadata::<Secret>(&me(), "")
        .await
        .unwrap();
    assert_eq!(metadata[0].name.as_deref(), Some("x"));
}

#[tokio::test]
async fn an_empty_list_is_one_and_an_object_is_none() {
    for (answer, is_list) in [
        (json!({"metadata": {}, "items": null}), true),
        (json!({"metadata": {}, "items": []}), true),
        (json!({"ok": true}), false),
    ] {
        let fake = Fake::start(move |_| Reply::Json(200, answer.clone())).await;
        assert_eq!(
            cluster(&fake)
                .await
                .list_metadata::<Secret>(&me(), "")
                .await
                .is_ok(),
            is_list
        );
    }
}

#[tokio::test]
async fn creation_leaves_what_is_there() {
    let fake = Fake::start(
        |request| match request.json()["metadata"]["name"].as_str() {
            Some("old") => status(409, "AlreadyExists", "secrets \"old\" already exists"),
            _ => Reply::Json(201, secret("new")),
        },
    )
    .await;
    let cluster = cluster(&fake).await;
    assert_eq!(
        cluster
            .create(&me(), &named("old"), WriteMode::Commit)
            .await
            .unwrap(),
        Creation::AlreadyExists
    );
    assert!(matches!(
        cluster
            .create(&me(), &named("new"), WriteMode::Commit)
            .await
            .unwrap(),
        Creation::Created(_)
    ));
    assert_eq!(
        fake.seen()[0].target,
        "/api/v1/namespaces/user-me/secrets?&fieldManager=kubectl-datalab"
    );
}

#[tokio::test]
async fn every_write_can_be_a_dry_run() {
    let fake = Fake::start(|_| Reply::Json(200, secret("x"))).await;
    let cluster = cluster(&fake).await;
    let mut secret = named("x");
    secret.metadata.resource_version = Some("7".to_owned());
    cluster
        .create(&me(), &secret, WriteMode::ServerDryRun)
        .await
        .unwrap();
    cluster
        .apply(&me(), &secret, WriteMode::ServerDryRun)
        .await
        .unwrap();
    cluster
        .replace(&me(), &secret, WriteMode::ServerDryRun)
        .await
        .unwrap();
    cluster
        .delete::<Secret>(&me(), "x", None, WriteMode::ServerDryRun)
        .await
        .unwrap();
    let seen = fake.seen();
    assert_eq!(seen.len(), 4);
    for request in &seen[..3] {
        assert!(
            request.target.contains("dryRun=All"),
            "{} {}",
            request.method,
            request.target
        );
    }
    assert_eq!(seen[3].json()["dryRun"], json!(["All"]));

    cluster
        .apply(&me(), &secret, WriteMode::Commit)
        .await
        .unwrap();
    let last = fake.seen().pop().unwrap();
    assert_eq!(last.method, "PATCH");
    assert!(!last.target.contains("dryRun"), "{}", last.target);
}

#[tokio::test]
async fn deletion_is_of_the_very_object() {
    let fake = Fake::start(
        |request| match request.json()["preconditions"]["uid"].as_str() {
            Some("u-1") => Reply::Json(
                200,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
            ),
            _ => status(
                409,
                "Conflict",
                "Precondition failed: UID in precondition: u-0, UID in object meta: u-1",
            ),
        },
    )
    .await;
    let cluster = cluster(&fake).await;
    assert!(
        cluster
            .delete::<Secret>(&me(), "x", Some("u-1"), WriteMode::Commit)
            .await
            .unwrap()
    );
    assert!(matches!(
        cluster
            .delete::<Secret>(&me(), "x", Some("u-0"), WriteMode::Commit)
            .await,
        Err(Error::Conflict { .. })
    ));
    assert_eq!(fake.seen()[0].json()["propagationPolicy"], "Background");
}

#[tokio::test]
async fn replacing_takes_a_version() {
    let fake = Fake::start(|_| Reply::Json(200, secret("x"))).await;
    let error = cluster(&fake)
        .await
        .replace(&me(), &named("x"), WriteMode::Commit)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_name_cannot_leave_its_place_in_the_url() {
    let fake = Fake::start(|_| Reply::Json(200, secret("x"))).await;
    let cluster = cluster(&fake).await;
    for name in ["", "../pods/x", "x/status", "x?dryRun=All"] {
        assert!(
            matches!(
                cluster.get::<Secret>(&me(), name).await,
                Err(Error::Malformed { .. })
            ),
            "{name:?}"
        );
    }
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn the_servers_clock_and_version() {
    let fake = Fake::start(|_| Reply::Json(200, json!({"major": "1", "minor": "37+", "gitVersion": "v1.37.0-x", "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}))).await;
    let cluster = cluster(&fake).await;
    let time = cluster.server_time().await.unwrap();
    let sent: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
    assert!(
        time >= sent && time.as_second() - sent.as_second() < 30,
        "{time}"
    );
    assert_eq!(cluster.server_version().await.unwrap(), (1, 37));
    cluster.server_time().await.unwrap();
    assert_eq!(
        fake.seen().len(),
        2,
        "a date that was heard is not asked for"
    );
}
