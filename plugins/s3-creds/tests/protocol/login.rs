//! The login behind the keys: shared, ended, refused, or somebody else's.

use datalab_lab::identity_provider::{Endpoint as Asked, Fault, Person, Reply, User, What};
use datalab_lab::object_storage::{Dialect, Endpoint};
use serde_json::json;

use crate::call::Output;
use crate::desk::{Desk, keep};

/// A desk whose keys and tokens are over at once; what was given first.
fn over(dialect: Dialect) -> Desk {
    let desk = Desk::with(dialect, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(1);
    });
    desk.provider
        .set(|settings| settings.access_token_seconds = 1);
    desk.keys();
    let last = desk.storage.issued().pop().unwrap();
    desk.until("keys and tokens to end", || {
        jiff::Timestamp::now().as_second() > last.expires + 1
    });
    desk.provider
        .set(|settings| settings.access_token_seconds = 300);
    desk.provider.forget_requests();
    desk
}

fn without_keys(output: &Output) -> String {
    let mut shown = output.clone();
    shown.stdout.clear();
    shown.to_string()
}

#[test]
fn a_session_is_refreshed_before_keys_are_asked_for() {
    let desk = over(Dialect::Minio);
    let output = desk.get().run();
    output.json();
    // One for the session, and one for the store's own scope.
    assert!(
        (1..=2).contains(&desk.provider.count(Asked::Refresh)),
        "{output}"
    );
    assert_eq!(desk.provider.logins(), 1);
    keep("refreshed", &without_keys(&output));
}

#[test]
fn a_session_that_was_ended_is_begun_anew() {
    let desk = over(Dialect::Minio);
    desk.provider.end_sessions();
    let output = desk.get().run();
    output.json();
    assert_eq!(desk.provider.logins(), 2);
    keep("begun-anew", &without_keys(&output));
}

#[test]
fn a_person_who_says_no_gets_no_keys() {
    let desk = Desk::new(Dialect::Minio);
    desk.provider
        .set(|settings| settings.person = Person::Denies);
    let output = desk.get().run();
    output.failed(4);
    keep("denied", &output.to_string());
    assert_eq!(desk.storage.count(Endpoint::AssumeRole), 0);
}

#[test]
fn a_provider_that_is_away_is_named() {
    let desk = over(Dialect::Minio);
    let fault = What::Answer(Reply::html(503, "maintenance"));
    desk.provider.arm([Fault::everywhere(fault)]);
    let output = desk.get().run();
    output.failed(5);
    keep("provider-away", &output.to_string());
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn two_people_do_not_get_each_others_keys() {
    let desk = Desk::new(Dialect::Minio);
    let alice = desk.keys();
    // Another account at the same provider, by its name.
    desk.provider
        .set(|settings| settings.user = User::new("bob", &["stsonly"]));
    let of = |name: &str| desk.get().words(["--account", name]).run();
    let bob = of("bob").json();
    assert_eq!(
        (&alice["username"], &bob["username"]),
        (&json!("alice"), &json!("bob"))
    );
    assert_ne!(alice["accessKeyId"], bob["accessKeyId"]);
    assert_eq!(of("alice").json()["accessKeyId"], alice["accessKeyId"]);
    let which = desk.get().run();
    // The answer that is ready is alice's; without it, nobody is guessed.
    assert_eq!(which.json()["accessKeyId"], alice["accessKeyId"]);
    desk.forget_answers();
    let which = desk.get().run();
    which.failed(3);
    keep("two-accounts", &which.to_string());
    assert_eq!(desk.provider.logins(), 2);
}

#[test]
fn new_groups_give_new_keys_once_the_session_has_them() {
    let desk = Desk::with(Dialect::Minio, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(4);
    });
    desk.provider
        .set(|settings| settings.access_token_seconds = 2);
    let first = desk.keys();
    desk.provider.set(|settings| {
        settings.user.groups = vec!["stsonly".to_owned(), "new".to_owned()];
    });
    desk.until("keys with the new groups", || {
        desk.keys();
        let last = desk.storage.issued().pop().unwrap();
        last.claims["groups"] == json!(["stsonly", "new"])
    });
    assert_ne!(desk.keys()["accessKeyId"], first["accessKeyId"]);
    assert_eq!(desk.provider.logins(), 1);
}
