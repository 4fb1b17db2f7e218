//! Keys at hand: how long, for whom, and when new ones are asked for.

use datalab_lab::object_storage::{Dialect, Endpoint, Fault, Reply, What};
use serde_json::json;

use crate::desk::{Desk, keep};

fn exchanges(desk: &Desk) -> usize {
    desk.storage.count(Endpoint::AssumeRole)
}

#[test]
fn keys_are_asked_for_once() {
    let desk = Desk::new(Dialect::Minio);
    let keys = desk.keys();
    assert_eq!(desk.keys(), keys);
    // In another form, without the answer that is ready.
    desk.forget_answers();
    assert_eq!(desk.keys(), keys);
    let process = desk.process().run().json();
    assert_eq!(process["AccessKeyId"], keys["accessKeyId"]);
    assert_eq!((exchanges(&desk), desk.provider.logins()), (1, 1));
    // Neither used nor kept.
    let others = desk.get().words(["--no-cache"]).run().json();
    assert_ne!(others["accessKeyId"], keys["accessKeyId"]);
    assert_eq!(desk.keys(), keys);
    assert_eq!(exchanges(&desk), 2);
}

#[test]
fn another_question_is_another_entry() {
    let desk = Desk::new(Dialect::Ceph);
    desk.provider.set(|settings| {
        let audience = json!(["kubernetes", "minio"]);
        settings.claims.insert("aud".to_owned(), audience);
    });
    let first = desk.keys();
    let mut seen = vec![first["accessKeyId"].clone()];
    for words in [
        &["--duration", "30m"][..],
        &["--session-name", "batch"],
        &["--bucket", "alice"],
        &["--bucket", "alice", "--read-only"],
        &["--token-kind", "id"],
    ] {
        let keys = desk.get().words(words.iter().copied()).run();
        let key = keys.json()["accessKeyId"].clone();
        assert!(!seen.contains(&key), "{keys}");
        seen.push(key);
    }
    assert_eq!(exchanges(&desk), seen.len());
    assert_eq!(desk.keys(), first);
}

#[test]
fn keys_that_end_are_replaced_before_they_do() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(4);
    });
    let mut calls = 0;
    desk.until("a third exchange", || {
        let now = jiff::Timestamp::now();
        let keys = desk.process().run().json();
        let end: jiff::Timestamp = keys["Expiration"].as_str().unwrap().parse().unwrap();
        assert!(end > now, "keys that had ended were handed out");
        calls += 1;
        exchanges(&desk) >= 3
    });
    assert!(calls > 3, "they were handed out more than once");
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn the_end_is_by_the_servers_clock() {
    // What ends in 8 s there looks here as if it had minutes left, or had ended.
    for ahead in [200, -200] {
        let desk = Desk::with(Dialect::Aws, |options| {
            options.settings.lifetime_of_credentials_seconds = Some(8);
            options.settings.clock_ahead_seconds = ahead;
        });
        let first = desk.keys();
        assert_eq!(desk.keys(), first, "{ahead}");
        desk.until("new keys", || desk.keys() != first);
        assert_eq!(exchanges(&desk), 2, "{ahead}");
    }
}

#[test]
fn a_margin_is_kept() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(3600);
    });
    let first = desk.keys();
    // 3600 s are left of 3600: less than these want is not there yet.
    let least = |margin: &str| desk.get().words(["--min-ttl", margin]).run().json();
    assert_eq!(least("50m"), first);
    desk.storage
        .set(|settings| settings.lifetime_of_credentials_seconds = Some(1200));
    let short = desk.get().words(["--session-name", "short"]).run().json();
    let again = |margin: &str| {
        let words = ["--session-name", "short", "--min-ttl", margin];
        desk.get().words(words).run().json()
    };
    assert_eq!(again("15m"), short);
    // No keys of this server have so much left: that is no reason to ask each time.
    assert_eq!(again("2h"), short);
    desk.storage
        .set(|settings| settings.lifetime_of_credentials_seconds = Some(3600));
    // A second after they were given they have less left than this.
    desk.until("the margin", || again("19m59s") != short);
}

#[test]
fn what_a_new_token_says_otherwise_asks_for_new_keys() {
    let desk = Desk::new(Dialect::Minio);
    let get = |groups: &[&str]| {
        desk.provider.set(|settings| {
            settings.user.groups = groups.iter().map(|group| (*group).to_owned()).collect();
        });
        let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
        let file = desk.write("token", &token);
        desk.get().words(["--token", &file]).run().json()
    };
    let first = get(&["a", "b"]);
    // Another token that says the same is no reason.
    desk.forget_answers();
    assert_eq!(get(&["a", "b"])["accessKeyId"], first["accessKeyId"]);
    assert_ne!(get(&["a"])["accessKeyId"], first["accessKeyId"]);
    assert_eq!(exchanges(&desk), 2);
}

#[test]
fn nobody_gets_somebody_elses_keys() {
    let desk = Desk::new(Dialect::Minio);
    let get = |name: &str| {
        desk.provider.set(|settings| {
            settings.user = datalab_lab::identity_provider::User::new(name, &["stsonly"]);
        });
        let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
        desk.get()
            .words(["--token", "-"])
            .reading(&token)
            .run()
            .json()
    };
    let alice = get("alice");
    let bob = get("bob");
    assert_ne!(alice["accessKeyId"], bob["accessKeyId"]);
    assert_eq!(get("alice"), alice);
    assert_eq!(exchanges(&desk), 2);
}

#[test]
fn keys_that_still_hold_are_better_than_none() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(120);
    });
    let first = desk.keys();
    // As if most of their life were over.
    let margin = ["--min-ttl", "119s"];
    desk.until("the margin", || {
        let last = desk.storage.issued().pop().unwrap();
        last.expires - jiff::Timestamp::now().as_second() < 118
    });
    desk.storage.arm([Fault::at(
        Endpoint::AssumeRole,
        What::Answer(Reply::html(503, "busy")),
    )]);
    let output = desk.get().words(margin).run();
    assert_eq!(output.json(), first);
    let mut shown = output;
    shown.stdout.clear();
    keep("still-hold", &shown.to_string());
    // A refusal is final: the user may have lost the right.
    desk.storage.arm([]);
    desk.storage.set(|settings| settings.policies.clear());
    desk.get().words(margin).run().failed(4);
}

#[test]
fn a_logout_takes_keys_away() {
    let desk = Desk::new(Dialect::Minio);
    let keys = desk.keys();
    let logout = desk.tool(["logout", "--all"]).run();
    assert_eq!(logout.code, 0, "{logout}");
    for file in desk.files() {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let secret = keys["secretAccessKey"].as_str().unwrap();
        assert!(!text.contains(secret), "{}", file.display());
    }
    assert_ne!(desk.keys()["accessKeyId"], keys["accessKeyId"]);
    assert_eq!(exchanges(&desk), 2);
}

#[test]
fn times_in_the_list_of_kept_keys_are_those_that_jq_reads() {
    let desk = Desk::new(Dialect::Minio);
    desk.keys();
    let output = desk.tool(["status", "-o", "json"]).run();
    let list: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    for name in ["obtained", "expires", "freshUntil"] {
        let time = list["items"][0][name].as_str().unwrap();
        assert_eq!(time.len(), "2026-11-21T16:00:00Z".len(), "{output}");
    }
}
