//! What is sent again, how often and when.

use std::time::{Duration, Instant};

use datalab_core::cluster::{Creation, Error, WriteMode, api::api::core::v1::Secret};

use crate::{
    cluster,
    fake::{Fake, Reply, Seen, secret, status},
    impatient, kept, me,
};

/// Refuses so many times, then serves.
fn after(
    failures: usize,
    failure: impl Fn() -> Reply + Send + 'static,
) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    let mut left = failures;
    move |_| match left.checked_sub(1) {
        Some(fewer) => {
            left = fewer;
            failure()
        }
        None => Reply::Json(200, secret("x")),
    }
}

fn named() -> Secret {
    let mut secret = Secret::default();
    secret.metadata.name = Some("x".to_owned());
    secret
}

#[tokio::test]
async fn reads_outlast_a_short_trouble() {
    for trouble in [
        || status(503, "ServiceUnavailable", "restarting"),
        || Reply::Raw(504, vec![], "gateway timeout".to_owned()),
        || status(429, "TooManyRequests", "too many"),
        || Reply::HangUp,
        || Reply::HalfThenReset,
    ] {
        let fake = Fake::start(after(2, trouble)).await;
        assert!(
            cluster(&fake)
                .await
                .get::<Secret>(&me(), "x")
                .await
                .unwrap()
                .is_some()
        );
        assert_eq!(fake.seen().len(), 3);
    }
}

#[tokio::test]
async fn three_times_and_no_more() {
    for (trouble, expected) in [
        (
            (|| status(503, "ServiceUnavailable", "down")) as fn() -> Reply,
            "answers 503: down",
        ),
        (
            || status(429, "TooManyRequests", "too many"),
            "overloaded: too many",
        ),
        (|| Reply::HalfThenReset, "cannot be reached"),
    ] {
        let fake = Fake::start(move |_| trouble()).await;
        let error = cluster(&fake)
            .await
            .get::<Secret>(&me(), "x")
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(fake.seen().len(), 3);
    }
}

#[tokio::test]
async fn what_will_not_change_is_not_asked_again() {
    for (code, reason) in [
        (400, "BadRequest"),
        (403, "Forbidden"),
        (409, "Conflict"),
        (422, "Invalid"),
        (500, "InternalError"),
    ] {
        let fake = Fake::start(move |_| status(code, reason, "no")).await;
        cluster(&fake)
            .await
            .get::<Secret>(&me(), "x")
            .await
            .unwrap_err();
        assert_eq!(fake.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn the_servers_pause_is_kept() {
    let wait = || {
        Reply::Raw(
            429,
            vec![("retry-after", "1".to_owned())],
            "slow down".to_owned(),
        )
    };
    let fake = Fake::start(after(1, wait)).await;
    let begun = Instant::now();
    cluster(&fake)
        .await
        .get::<Secret>(&me(), "x")
        .await
        .unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_pause_beyond_the_time_limit_is_not_begun() {
    let wait = || {
        Reply::Raw(
            429,
            vec![("retry-after", "3600".to_owned())],
            "slow down".to_owned(),
        )
    };
    let fake = Fake::start(move |_| wait()).await;
    let begun = Instant::now();
    let error = impatient(&fake, "5s")
        .await
        .get::<Secret>(&me(), "x")
        .await
        .unwrap_err();
    assert!(matches!(error, Error::TooManyRequests { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_write_the_server_may_have_seen_is_not_repeated() {
    for trouble in [
        (|| status(503, "ServiceUnavailable", "restarting")) as fn() -> Reply,
        || Reply::HangUp,
        || Reply::HalfThenReset,
    ] {
        let fake = Fake::start(move |_| trouble()).await;
        let cluster = cluster(&fake).await;
        cluster
            .create(&me(), &named(), WriteMode::Commit)
            .await
            .unwrap_err();
        assert_eq!(fake.seen().len(), 1);
        cluster
            .apply(&me(), &named(), WriteMode::Commit)
            .await
            .unwrap_err();
        assert_eq!(fake.seen().len(), 2);
        cluster
            .delete::<Secret>(&me(), "x", None, WriteMode::Commit)
            .await
            .unwrap_err();
        assert_eq!(fake.seen().len(), 3);
    }
}

#[tokio::test]
async fn a_write_that_was_turned_away_is_repeated() {
    let fake = Fake::start(after(1, || status(429, "TooManyRequests", "too many"))).await;
    let created = cluster(&fake)
        .await
        .create(&me(), &named(), WriteMode::Commit)
        .await
        .unwrap();
    assert!(matches!(created, Creation::Created(_)));
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn every_try_is_traced_without_its_content() {
    let fake = Fake::start(after(1, || status(503, "ServiceUnavailable", "restarting"))).await;
    let (trace, lines) = kept();
    let cluster = cluster(&fake).await.with_trace(trace);
    cluster.get::<Secret>(&me(), "x").await.unwrap();
    let lines = lines.lock().unwrap();
    let begin = format!("GET {}/api/v1/namespaces/user-me/secrets/x ", fake.url());
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with(&format!("{begin}503 ")),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with(&format!("{begin}200 ")) && lines[1].ends_with(" ms"),
        "{}",
        lines[1]
    );
    assert!(!lines.concat().contains("dmFsdWU"));
}

#[tokio::test]
async fn a_request_that_is_given_up_is_traced_too() {
    let fake = Fake::start(|_| Reply::Silence).await;
    let (trace, lines) = kept();
    let cluster = impatient(&fake, "300ms").await.with_trace(trace);
    cluster.get::<Secret>(&me(), "x").await.unwrap_err();
    let lines = lines.lock().unwrap();
    assert!(
        matches!(lines.as_slice(), [line] if line.contains(" no answer ")),
        "{lines:?}"
    );
}
