//! What is asked for, and what works with each server.

use datalab_lab::object_storage::{Dialect, Endpoint};
use serde_json::{Value, json};

use crate::desk::{Desk, side_by_side};

/// The life of the keys that were given last, in seconds.
fn life(desk: &Desk) -> i64 {
    let issued = desk.storage.issued().pop().unwrap();
    issued.expires - jiff::Timestamp::now().as_second()
}

#[test]
fn keys_come_from_every_server() {
    for dialect in Dialect::ALL {
        let desk = Desk::new(dialect);
        let keys = desk.keys();
        let issued = desk.storage.issued().pop().unwrap();
        for (name, value) in [
            ("accessKeyId", &issued.access_key_id),
            ("secretAccessKey", &issued.secret_access_key),
            ("sessionToken", &issued.session_token),
        ] {
            assert_eq!(
                keys[name].as_str(),
                Some(value.as_str()),
                "{dialect:?} {name}"
            );
        }
        let end: jiff::Timestamp = keys["expiration"].as_str().unwrap().parse().unwrap();
        assert_eq!(end.as_second(), issued.expires, "{dialect:?}");
        assert!((3500..=3600).contains(&life(&desk)), "{dialect:?}");
        let seen = desk.storage.requests().pop().unwrap();
        assert_eq!(seen.form["RoleSessionName"], "alice");
        assert_eq!(seen.form["DurationSeconds"], "3600");
        assert_eq!(seen.form.contains_key("RoleArn"), dialect.needs_role());
        assert_eq!(desk.provider.logins(), 1);
    }
}

#[test]
fn a_session_is_named_as_servers_want_it() {
    for (user, named) in [
        ("alice", "alice"),
        ("a", "a-"),
        ("Zoë Ångström", ""),
        ("alice@example.org", "alice@example.org"),
        ("x".repeat(80).as_str(), ""),
    ] {
        let desk = Desk::new(Dialect::Ceph);
        desk.provider
            .set(|settings| user.clone_into(&mut settings.user.name));
        desk.keys();
        let seen = desk.storage.requests().pop().unwrap();
        let name = &seen.form["RoleSessionName"];
        // The store has said yes; what it is called beyond that is seen where it is plain.
        assert!((2..=64).contains(&name.len()), "{name}");
        assert!(
            named.is_empty() || name.starts_with(named),
            "{user}: {name}"
        );
    }
}

#[test]
fn max_is_what_the_server_gives_and_is_remembered() {
    let cases = [
        // What is given, how many questions that takes, and what is asked for later.
        (Dialect::Minio, None, 604_800, 1, "604800"),
        (Dialect::Ceph, Some("datalab"), 3600, 3, "3600"),
        (Dialect::Ceph, Some("long"), 43_200, 2, "43200"),
        (Dialect::Aws, Some("long"), 43_200, 2, "43200"),
        // It brings what it is asked for between its bounds, and never says no.
        (Dialect::Rustfs, None, 43_200, 1, "604800"),
        (Dialect::Seaweedfs, None, 43_200, 2, "43200"),
    ];
    let cases = cases.map(|case| (format!("{:?}", case.0), case));
    side_by_side(cases, |(dialect, role, seconds, asked, known)| {
        let desk = Desk::new(dialect);
        let mut words = desk.source_without_role();
        words.extend(["--duration", "max"].map(str::to_owned));
        if let Some(role) = role {
            words.extend(["--role-arn".to_owned(), dialect.role(role)]);
        }
        let call = || desk.tool(["get", "-o", "json"]).words(words.clone());
        call().words(["--session-name", "once"]).run().json();
        assert!(
            (seconds - 100..=seconds).contains(&life(&desk)),
            "{dialect:?}"
        );
        assert_eq!(
            desk.storage.count(Endpoint::AssumeRole),
            asked,
            "{dialect:?}"
        );
        // Where keys are over, the server's own number is asked for at once.
        desk.storage
            .set(|settings| settings.lifetime_of_credentials_seconds = Some(1));
        call().run().json();
        desk.storage.forget_requests();
        desk.until("the keys to end", || {
            let last = desk.storage.issued().pop().unwrap();
            jiff::Timestamp::now().as_second() > last.expires
        });
        let output = call().run();
        output.json();
        let seen = desk.storage.requests();
        assert_eq!(seen.len(), 1, "{dialect:?} {output}");
        assert_eq!(seen[0].form["DurationSeconds"], known, "{dialect:?}");
        None
    });
}

#[test]
fn rights_are_narrowed_by_bucket_prefix_and_reading() {
    for dialect in Dialect::ALL {
        let desk = Desk::new(dialect);
        let narrow = ["--bucket", "alice", "--prefix", "in/", "--read-only"];
        desk.get().words(narrow).run().json();
        let issued = desk.storage.issued().pop().unwrap();
        let policy = issued.session_policy.unwrap_or_default();
        let statements = policy["Statement"].as_array().unwrap();
        let actions: Vec<&Value> = statements.iter().map(|one| &one["Action"]).collect();
        assert!(!format!("{actions:?}").contains("Put"), "{policy}");
        assert!(
            policy.to_string().contains("arn:aws:s3:::alice/in/*"),
            "{policy}"
        );
        // Without the flags there are other keys.
        desk.get().run().json();
        let issued = desk.storage.issued();
        assert_eq!(issued.len(), 2);
        assert_eq!(issued[1].session_policy, None);
    }
}

#[test]
fn the_id_token_is_sent_to_who_wants_it() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.trust.client_ids = vec!["kubernetes".to_owned()];
    });
    desk.get().words(["--token-kind", "id"]).run().json();
    let issued = desk.storage.issued().pop().unwrap();
    assert_eq!(issued.claims["typ"], json!("ID"));
    assert_eq!(issued.claims["aud"], json!("kubernetes"));
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn a_token_from_elsewhere_needs_no_login() {
    let desk = Desk::new(Dialect::Minio);
    let token = desk.provider.mint("kubernetes", &["minio"]).unwrap();
    let file = desk.write("token", &format!("{token}\n"));
    let words = [
        "get",
        "-o",
        "json",
        "--endpoint",
        desk.storage.url(),
        "--ca-file",
    ];
    let authority = desk.storage.authority().to_string_lossy().into_owned();
    let call = |token: &str| {
        desk.tool(words)
            .words([&authority, "--token", token, "--no-cache"])
    };
    call(&file).run().json();
    call("-").reading(&token).run().json();
    call("env:MY_TOKEN").with("MY_TOKEN", &token).run().json();
    assert_eq!(desk.storage.issued().len(), 3);
    // The one that it was made with.
    assert_eq!(desk.provider.logins(), 1);

    let broken = call("-").reading("no token").run();
    broken.failed(2);
    desk.keep("brought-token", &broken);
}

#[test]
fn a_life_that_differs_from_what_was_asked_is_told() {
    // An older MinIO cuts keys to the token's life; RustFS clamps what it is asked for.
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.cuts_to_token = true;
    });
    let cut = desk.get().run();
    cut.json();
    let notes = |output: &crate::call::Output| {
        let mut shown = output.clone();
        shown.stdout.clear();
        shown
    };
    desk.keep("cut-to-token", &notes(&cut));
    let desk = Desk::new(Dialect::Rustfs);
    let clamped = desk.get().words(["--duration", "7d"]).run();
    clamped.json();
    desk.keep("clamped", &notes(&clamped));
}

#[test]
fn what_sdks_run_answers_what_they_read() {
    let desk = Desk::new(Dialect::Ceph);
    let answer = desk.process().run().json();
    let issued = desk.storage.issued().pop().unwrap();
    assert_eq!(answer["Version"], 1);
    assert_eq!(answer["AccessKeyId"].as_str(), Some(&*issued.access_key_id));
    assert_eq!(
        answer["SecretAccessKey"].as_str(),
        Some(&*issued.secret_access_key)
    );
    assert_eq!(
        answer["SessionToken"].as_str(),
        Some(&*issued.session_token)
    );
    let again = desk.process().run();
    assert_eq!(again.json(), answer);
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 1);
}
