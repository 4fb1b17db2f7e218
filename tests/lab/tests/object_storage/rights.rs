//! Who may do what.

use datalab_lab::identity_provider::User;
use datalab_lab::object_storage::{AccessKey, Credentials, Dialect};
use serde_json::json;

use crate::client::Bench;

#[test]
fn everybody_has_their_own_buckets() {
    for dialect in Dialect::ALL {
        let bench = Bench::new(dialect);
        for bucket in ["alice", "alice-data", "bob", "alicette"] {
            bench.storage.put(bucket, "x", b"x");
        }
        let alice = bench.credentials(&bench.fields());
        bench
            .provider
            .set(|settings| settings.user = User::new("bob", &["stsonly"]));
        let bob = bench.credentials(&bench.fields());
        let code = |keys, path: &str| bench.signed(keys, path, &[]).status;
        for (keys, path, status) in [
            (&alice, "/alice/x", 200),
            (&alice, "/alice-data/x", 200),
            (&alice, "/bob/x", 403),
            (&alice, "/alicette/x", 403),
            (&bob, "/bob/x", 200),
            (&bob, "/alice/x", 403),
        ] {
            assert_eq!(code(keys, path), status, "{dialect:?} {path}");
        }
        let mine = bench.signed(&bob, "/", &[]);
        assert!(
            mine.body.contains("<Name>bob</Name>") && !mine.body.contains("alice"),
            "{mine:?}"
        );
    }
}

#[test]
fn a_role_without_rights_opens_nothing() {
    let bench = Bench::new(Dialect::Ceph);
    bench.storage.put("alice", "x", b"x");
    let answer = bench.exchange_but("RoleArn", Some(&bench.dialect.role("powerless")));
    assert_eq!(answer.status, 200);
    let keys = bench.storage.issued().pop().unwrap();
    assert_eq!(
        bench.signed(&keys, "/alice/x", &[]).text("Code"),
        "AccessDenied"
    );
}

#[test]
fn a_sessions_policy_takes_away() {
    for dialect in Dialect::ALL {
        let bench = Bench::new(dialect);
        bench.storage.put("alice", "in/x", b"x");
        bench.storage.put("alice", "out/x", b"x");
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::alice/in/*"]},
            {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::alice"],
             "Condition": {"StringLike": {"s3:prefix": ["in/*"]}}},
        ]});
        let mut fields = bench.fields();
        fields.push(("Policy", policy.to_string()));
        let keys = bench.credentials(&fields);
        for (path, words, status) in [
            ("/alice/in/x", &[][..], 200),
            ("/alice/out/x", &[][..], 403),
            ("/alice/in/y", &["-X", "PUT", "-d", "y"][..], 403),
            ("/alice?list-type=2&prefix=in%2F", &[][..], 200),
            ("/alice?list-type=2", &[][..], 403),
        ] {
            let answer = bench.signed(&keys, path, words);
            assert_eq!(answer.status, status, "{dialect:?} {path} {answer:?}");
        }
        assert_eq!(bench.storage.complaints(), Vec::<String>::new());
    }
}

#[test]
fn keys_for_ever_need_no_token() {
    let bench = Bench::with(Dialect::Minio, |options| {
        let key = AccessKey {
            user: "robot".to_owned(),
            secret: "for-ever-and-ever".to_owned(),
            policy: json!({"Statement": {"Effect": "Allow", "Action": "s3:*",
                "Resource": ["arn:aws:s3:::${aws:username}*"]}}),
        };
        options.settings.access_keys.insert("ROBOT".to_owned(), key);
    });
    bench.storage.put("robot", "x", b"for robots");
    bench.storage.put("alice", "x", b"x");
    let get = |path: &str| {
        let words = [
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "--user",
            "ROBOT:for-ever-and-ever",
            "-H",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        ];
        bench.curl(path, &words)
    };
    assert_eq!(get("/robot/x").body, "for robots");
    assert_eq!(get("/alice/x").text("Code"), "AccessDenied");
}

#[test]
fn what_is_forgotten_opens_nothing() {
    let bench = Bench::new(Dialect::Minio);
    bench.storage.put("alice", "x", b"x");
    let keys: Credentials = bench.credentials(&bench.fields());
    assert_eq!(bench.signed(&keys, "/alice/x", &[]).status, 200);
    bench.storage.forget_credentials();
    assert_eq!(
        bench.signed(&keys, "/alice/x", &[]).text("Code"),
        "InvalidAccessKeyId"
    );
}
