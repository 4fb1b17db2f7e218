//! Signatures: curl makes them, and what is changed afterwards is refused.

use datalab_lab::object_storage::{Credentials, Dialect};

use crate::client::Bench;

fn bench(dialect: Dialect) -> (Bench, Credentials) {
    let bench = Bench::new(dialect);
    let keys = bench.credentials(&bench.fields());
    bench.storage.make_bucket("alice");
    (bench, keys)
}

#[test]
fn objects_come_and_go() {
    let (bench, keys) = bench(Dialect::Minio);
    let signed = |path: &str, words: &[&str]| bench.signed(&keys, path, words);
    assert_eq!(signed("/alice-data", &["-X", "PUT"]).status, 200);
    assert_eq!(
        signed("/alice-data", &["-X", "PUT"]).text("Code"),
        "BucketAlreadyOwnedByYou"
    );
    let put = signed(
        "/alice/in/a%20b%2Bc",
        &[
            "-X",
            "PUT",
            "--data-binary",
            "0123456789",
            "-H",
            "Content-Type: text/plain",
        ],
    );
    assert_eq!(put.status, 200, "{put:?}");
    // As openssl has it.
    assert!(
        put.head
            .contains("etag: \"781e5e245d69b566979b86e28d23f2c7\""),
        "{}",
        put.head
    );
    assert_eq!(
        bench.storage.object("alice", "in/a b+c").unwrap(),
        b"0123456789"
    );
    let got = signed("/alice/in/a%20b%2Bc", &[]);
    assert_eq!((got.status, got.body.as_str()), (200, "0123456789"));
    assert!(
        got.head.contains("content-type: text/plain"),
        "{}",
        got.head
    );
    let part = signed("/alice/in/a%20b%2Bc", &["-H", "Range: bytes=2-4"]);
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert!(
        part.head.contains("content-range: bytes 2-4/10"),
        "{}",
        part.head
    );
    assert_eq!(
        signed("/alice/in/a%20b%2Bc", &["-H", "Range: bytes=10-"]).text("Code"),
        "InvalidRange"
    );
    let head = signed("/alice/in/a%20b%2Bc", &["--head"]);
    assert!(
        head.status == 200 && head.head.contains("content-length: 10"),
        "{}",
        head.head
    );
    assert_eq!(signed("/alice/nothing", &[]).text("Code"), "NoSuchKey");
    assert_eq!(signed("/alice-nothing/x", &[]).text("Code"), "NoSuchBucket");

    bench.storage.put("alice", "in/deep/z", b"z");
    bench.storage.put("alice", "out", b"o");
    let list = signed("/alice?delimiter=%2F&list-type=2&prefix=in%2F", &[]);
    assert_eq!(
        (list.text("KeyCount"), list.text("Key")),
        ("2".to_owned(), "in/a b+c".to_owned())
    );
    assert!(
        list.body
            .contains("<CommonPrefixes><Prefix>in/deep/</Prefix></CommonPrefixes>")
    );
    let page = signed("/alice?list-type=2&max-keys=1", &[]);
    let next = page
        .text("NextContinuationToken")
        .replace('/', "%2F")
        .replace(' ', "%20")
        .replace('+', "%2B");
    let page = signed(
        &format!("/alice?continuation-token={next}&list-type=2&max-keys=1"),
        &[],
    );
    assert_eq!(
        (page.text("Key").as_str(), page.text("IsTruncated").as_str()),
        ("in/deep/z", "true")
    );

    let all = signed("/", &[]);
    assert!(
        all.body.contains("<Name>alice</Name>") && all.body.contains("<Name>alice-data</Name>")
    );
    assert_eq!(signed("/alice/out", &["-X", "DELETE"]).status, 204);
    assert_eq!(bench.storage.object("alice", "out"), None);
    assert_eq!(
        signed("/alice?acl=", &["-X", "PUT"]).text("Code"),
        "NotImplemented"
    );
    assert_eq!(bench.storage.complaints(), Vec::<String>::new());
}

#[test]
fn keys_that_are_not_right_open_nothing() {
    let told = |dialect, change: &dyn Fn(&mut Credentials)| {
        let (bench, mut keys) = bench(dialect);
        assert_eq!(bench.signed(&keys, "/alice", &[]).status, 200);
        change(&mut keys);
        let answer = bench.signed(&keys, "/alice", &[]);
        format!("{} {}", answer.status, answer.text("Code"))
    };
    let secret = |keys: &mut Credentials| keys.secret_access_key.insert(0, 'x');
    let token = |keys: &mut Credentials| {
        keys.session_token.pop();
    };
    let key = |keys: &mut Credentials| keys.access_key_id.insert(0, 'X');
    for (dialect, by_secret, by_token, by_key) in [
        (
            Dialect::Minio,
            "403 SignatureDoesNotMatch",
            "403 InvalidTokenId",
            "403 InvalidAccessKeyId",
        ),
        (
            Dialect::Ceph,
            "403 SignatureDoesNotMatch",
            "403 AccessDenied",
            "403 AccessDenied",
        ),
        (
            Dialect::Aws,
            "403 SignatureDoesNotMatch",
            "400 InvalidToken",
            "403 InvalidAccessKeyId",
        ),
    ] {
        assert_eq!(told(dialect, &secret), by_secret, "{dialect:?}");
        assert_eq!(told(dialect, &token), by_token, "{dialect:?}");
        assert_eq!(told(dialect, &key), by_key, "{dialect:?}");
    }
    // Nobody at all.
    let (bench, _) = bench(Dialect::Minio);
    assert_eq!(
        bench.curl::<&str>("/alice", &[]).refusal(),
        "403 AccessDenied Access Denied."
    );
}

#[test]
fn what_ends_opens_nothing_more() {
    for (dialect, code) in [
        (Dialect::Minio, "InvalidAccessKeyId"),
        (Dialect::Ceph, "AccessDenied"),
        (Dialect::Aws, "ExpiredToken"),
    ] {
        let bench = Bench::with(dialect, |options| {
            options.settings.lifetime_of_credentials_seconds = Some(1);
        });
        let keys = bench.credentials(&bench.fields());
        bench.storage.make_bucket("alice");
        bench.storage.until(
            "the keys to end",
            std::time::Duration::from_secs(30),
            || jiff::Timestamp::now().as_second() > keys.expires,
        );
        assert_eq!(
            bench.signed(&keys, "/alice", &[]).text("Code"),
            code,
            "{dialect:?}"
        );
    }
}

#[test]
fn a_clock_that_is_wrong_is_seen() {
    let (bench, keys) = bench(Dialect::Minio);
    for ahead in [1200, -1200] {
        bench
            .storage
            .set(|settings| settings.clock_ahead_seconds = ahead);
        let answer = bench.signed(&keys, "/alice", &[]);
        assert_eq!(answer.text("Code"), "RequestTimeTooSkewed", "{ahead}");
        let date = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("date: "))
            .unwrap()
            .to_owned();
        let parsed = jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S gmt", &date).unwrap();
        let said = parsed
            .to_datetime()
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap();
        let off = said.timestamp().as_second() - jiff::Timestamp::now().as_second();
        assert!((off - ahead).abs() < 60, "{date}");
    }
    bench
        .storage
        .set(|settings| settings.clock_ahead_seconds = 600);
    assert_eq!(bench.signed(&keys, "/alice", &[]).status, 200);
}

#[test]
fn what_was_signed_is_what_counts() {
    let (bench, keys) = bench(Dialect::Minio);
    // A region that the store does not have.
    bench
        .storage
        .set(|settings| settings.region = Some("eu-west-3".to_owned()));
    assert_eq!(
        bench.signed(&keys, "/alice", &[]).text("Code"),
        "AuthorizationHeaderMalformed"
    );
    bench.storage.set(|settings| settings.region = None);
    // A digest of another body.
    let user = format!("{}:{}", keys.access_key_id, keys.secret_access_key);
    let token = format!("x-amz-security-token: {}", keys.session_token);
    let put = |digest: &str| {
        let digest = format!("x-amz-content-sha256: {digest}");
        let words = [
            "-X",
            "PUT",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "--user",
            &user,
            "-H",
            &token,
            "-H",
            &digest,
            "-d",
            "hello",
        ];
        bench.curl("/alice/x", &words)
    };
    // sha256 of `hello`.
    let right = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(put(right).status, 200);
    let wrong = right.replace("2cf2", "2cf3");
    assert_eq!(put(&wrong).text("Code"), "XAmzContentSHA256Mismatch");
}
