//! VersityGW takes its own realm's tokens for the roles that trust them, and answers as AWS does.

use datalab_lab::ceph::Key;
use datalab_lab::https::Answer;
use datalab_lab::keycloak::REALM;
use datalab_lab::tenant::Stage;
use datalab_lab::versitygw::VersityGw;

fn token(gateway: &VersityGw, user: &str) -> String {
    let tokens = gateway.tokens(user);
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

#[test]
fn a_role_opens_the_buckets_of_one_user_and_no_others() {
    let Some(stage) = Stage::required_lab("a role of VersityGW opens buckets") else {
        return;
    };
    let gateway = stage.versitygw();
    let [alice, bob] = ["alice", "bob"].map(|user| {
        let key = key(&gateway.assume(user, &token(&gateway, user), &[]));
        (key, stage.play().name(user))
    });
    for (key, bucket) in [&alice, &bob] {
        let made = gateway.s3(key, "PUT", &format!("/{bucket}"), b"");
        assert_eq!(made.status(), 200, "{}", made.text());
        let object = format!("/{bucket}/rows.csv");
        assert_eq!(gateway.s3(key, "PUT", &object, b"a,b\n").status(), 200);
        assert_eq!(gateway.s3(key, "GET", &object, b"").text(), "a,b\n");
    }
    for ((key, _), (_, bucket)) in [(&alice, &bob), (&bob, &alice)] {
        for method in ["GET", "PUT", "DELETE"] {
            let object = format!("/{bucket}/rows.csv");
            refused(&gateway.s3(key, method, &object, b""), 403, "AccessDenied");
        }
    }
}

#[test]
fn it_refuses_as_aws_does() {
    let Some(stage) = Stage::required_lab("VersityGW refuses as AWS does") else {
        return;
    };
    let gateway = stage.versitygw();
    let alice = token(&gateway, "alice");
    let elsewhere = stage.keycloak().tokens(REALM, "alice");
    let elsewhere = elsewhere["access_token"].as_str().unwrap_or_default();
    let long = [("DurationSeconds", "43200")];
    key(&gateway.assume("alice-long", &alice, &long));
    for (role, token, more, status, code) in [
        ("alice", alice.as_str(), &long[..], 400, "ValidationError"),
        // AWS says AccessDenied where a condition does not hold.
        ("bob", &alice, &[], 400, "InvalidIdentityToken"),
        ("no-such-role", &alice, &[], 403, "AccessDenied"),
        ("alice", elsewhere, &[], 400, "InvalidIdentityToken"),
        ("alice", "no token", &[], 400, "InvalidIdentityToken"),
    ] {
        refused(&gateway.assume(role, token, more), status, code);
    }
}
