//! Ceph's gateway takes Keycloak's tokens for the roles that trust them, and for no others.

use datalab_lab::ceph::{Key, Role};
use datalab_lab::https::Answer;
use datalab_lab::keycloak::{Keycloak, REALM, STRICT_REALM};
use datalab_lab::tenant::Stage;

fn token(keycloak: &Keycloak, realm: &str, user: &str) -> String {
    let tokens = keycloak.tokens(realm, user);
    tokens["access_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[track_caller]
fn key(answer: &Answer) -> Key {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    Key::of_answer(&answer.text())
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    let said = answer.text();
    assert_eq!(answer.status(), status, "{said}");
    assert!(said.contains(&format!("<Code>{code}</Code>")), "{said}");
}

/// A bucket name of this story's, among those of `user`.
fn bucket(stage: &Stage, user: &str) -> String {
    stage.play().name(user)
}

#[test]
fn a_role_opens_the_buckets_of_one_user_and_no_others() {
    let Some(stage) = Stage::required_lab("a role opens the buckets of one user") else {
        return;
    };
    let (ceph, keycloak) = (stage.ceph(), stage.keycloak());
    let [alice, bob] = ["alice", "bob"].map(|user| {
        let key = key(&ceph.assume(user, &token(&keycloak, REALM, user), &[]));
        (key, bucket(&stage, user))
    });
    for (key, bucket) in [&alice, &bob] {
        assert_eq!(
            ceph.s3(key, "PUT", &format!("/{bucket}"), b"").status(),
            200
        );
        let object = format!("/{bucket}/rows.csv");
        assert_eq!(ceph.s3(key, "PUT", &object, b"a,b\n1,2\n").status(), 200);
        assert_eq!(ceph.s3(key, "GET", &object, b"").text(), "a,b\n1,2\n");
        let names = ceph.s3(key, "GET", "/", b"").text();
        assert!(names.contains(bucket.as_str()), "{names}");
    }
    for ((key, _), (_, bucket)) in [(&alice, &bob), (&bob, &alice)] {
        for (method, path) in [
            ("GET", format!("/{bucket}")),
            ("GET", format!("/{bucket}/rows.csv")),
            ("PUT", format!("/{bucket}/mine.csv")),
            ("DELETE", format!("/{bucket}/rows.csv")),
        ] {
            refused(&ceph.s3(key, method, &path, b""), 403, "AccessDenied");
        }
    }
}

#[test]
fn a_role_is_given_to_whom_its_condition_names() {
    let Some(stage) = Stage::required_lab("a role is given to whom its condition names") else {
        return;
    };
    let (ceph, keycloak) = (stage.ceph(), stage.keycloak());
    let (alice, bob) = (
        token(&keycloak, REALM, "alice"),
        token(&keycloak, REALM, "bob"),
    );
    key(&ceph.assume("alice", &alice, &[]));
    let strict = token(&keycloak, STRICT_REALM, "alice");
    for (role, token) in [
        ("alice", bob.as_str()),
        ("alice", &strict),
        ("alice", "no token"),
        ("elsewhere", &alice),
        ("no-such-role", &alice),
    ] {
        refused(&ceph.assume(role, token, &[]), 403, "AccessDenied");
    }
    // This release calls the audience `app_id` too, and `azp` by no name.
    let issuer = keycloak.issuer(REALM);
    for (key, value, granted) in [
        ("aud", "account", true),
        ("app_id", "account", true),
        ("app_id", "direct", false),
    ] {
        let name = stage.play().name("conditional");
        ceph.create_role(&Role::new(&name, &issuer).only_with(key, value));
        let answer = ceph.assume(&name, &alice, &[]);
        assert_eq!(answer.status() == 200, granted, "{key} {value}");
    }
}

#[test]
fn keys_last_as_long_as_the_role_lets_them() {
    let Some(stage) = Stage::required_lab("keys last as long as the role lets them") else {
        return;
    };
    let (ceph, keycloak) = (stage.ceph(), stage.keycloak());
    let alice = token(&keycloak, REALM, "alice");
    for (role, seconds, granted) in [
        ("alice", "900", true),
        ("alice", "899", false),
        ("alice", "3601", false),
        ("alice-long", "43200", true),
        ("alice-long", "43201", false),
    ] {
        let answer = ceph.assume(role, &alice, &[("DurationSeconds", seconds)]);
        if granted {
            key(&answer);
        } else {
            refused(&answer, 400, "InvalidArgument");
        }
    }
}

#[test]
fn a_role_without_a_policy_opens_nothing() {
    let Some(stage) = Stage::required_lab("a role without a policy opens nothing") else {
        return;
    };
    let (ceph, keycloak) = (stage.ceph(), stage.keycloak());
    let alice = token(&keycloak, REALM, "alice");
    let able = key(&ceph.assume("alice", &alice, &[]));
    let bucket = bucket(&stage, "alice");
    assert_eq!(
        ceph.s3(&able, "PUT", &format!("/{bucket}"), b"").status(),
        200
    );
    let powerless = key(&ceph.assume("powerless", &alice, &[]));
    for (method, path) in [
        ("PUT", format!("/{bucket}/a")),
        ("PUT", "/a-bucket-of-nobodys".to_owned()),
    ] {
        refused(
            &ceph.s3(&powerless, method, &path, b""),
            403,
            "AccessDenied",
        );
    }
}
