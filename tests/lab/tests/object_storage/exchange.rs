//! Exchanges that work, to the letter of each dialect.

use datalab_lab::object_storage::{Dialect, Endpoint};

use crate::client::Bench;

/// The document with what is random, or of this moment, replaced.
fn shape(bench: &Bench) -> String {
    let answer = bench.exchange(&bench.fields());
    let keys = bench.storage.issued().pop().unwrap();
    let mut text = answer.body.replace(&keys.access_key_id, "KEY");
    text = text.replace(&keys.secret_access_key, "SECRET");
    text = text.replace(&keys.session_token, "TOKEN");
    text = text.replace(&bench.provider.issuer(), "ISSUER");
    // Its length, which tells the form.
    let end = answer.text("Expiration");
    text = text.replace(&end, &end.len().to_string());
    for name in ["RequestId", "AssumeRoleId", "AssumedRoleId"] {
        let found = answer.text(name);
        if !found.is_empty() {
            let shown = found
                .rsplit_once(':')
                .map_or("ID".to_owned(), |(_, n)| format!("ID:{n}"));
            text = text.replace(&found, &shown);
        }
    }
    text
}

#[test]
fn minio_misspells_and_leaves_empty() {
    let bench = Bench::new(Dialect::Minio);
    assert_eq!(
        shape(&bench),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn></Arn><AssumeRoleId></AssumeRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>KEY</AccessKeyId><SecretAccessKey>SECRET</SecretAccessKey>\
         <Expiration>20</Expiration><SessionToken>TOKEN</SessionToken></Credentials>\
         <SubjectFromWebIdentityToken>subject-of-alice</SubjectFromWebIdentityToken>\
         </AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata>\
         </AssumeRoleWithWebIdentityResponse>"
    );
    let keys = bench.storage.issued().pop().unwrap();
    // A token that anybody can read, with all claims.
    assert!(keys.session_token.starts_with("eyJ") && keys.session_token.len() > 500);
    assert!(!keys.secret_access_key.contains('/'));
    assert_eq!(bench.storage.complaints(), Vec::<String>::new());
}

#[test]
fn ceph_has_no_namespace_and_nine_digits() {
    let bench = Bench::new(Dialect::Ceph);
    assert_eq!(
        shape(&bench),
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
         <SubjectFromWebIdentityToken>subject-of-alice</SubjectFromWebIdentityToken><Audience>account</Audience>\
         <AssumedRoleUser><Arn>arn:aws:sts:::assumed-role/datalab/alice</Arn>\
         <AssumeRoleId>ID:alice</AssumeRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>KEY</AccessKeyId><Expiration>30</Expiration>\
         <SecretAccessKey>SECRET</SecretAccessKey><SessionToken>TOKEN</SessionToken></Credentials>\
         <Provider>ISSUER</Provider><PackedPolicySize>0</PackedPolicySize>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    let keys = bench.storage.issued().pop().unwrap();
    let lengths = (
        keys.access_key_id.len(),
        keys.secret_access_key.len(),
        keys.session_token.len(),
    );
    assert_eq!(lengths, (19, 39, 512));
    assert_eq!(bench.storage.complaints(), Vec::<String>::new());
}

#[test]
fn aws_has_its_own_order() {
    let bench = Bench::new(Dialect::Aws);
    assert_eq!(
        shape(&bench),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult>\
         <SubjectFromWebIdentityToken>subject-of-alice</SubjectFromWebIdentityToken><Audience>kubernetes</Audience>\
         <AssumedRoleUser><AssumedRoleId>ID:alice</AssumedRoleId>\
         <Arn>arn:aws:sts::000000000000:assumed-role/datalab/alice</Arn></AssumedRoleUser>\
         <Credentials><SessionToken>TOKEN</SessionToken><SecretAccessKey>SECRET</SecretAccessKey>\
         <Expiration>20</Expiration><AccessKeyId>KEY</AccessKeyId></Credentials><Provider>ISSUER</Provider>\
         </AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata>\
         </AssumeRoleWithWebIdentityResponse>"
    );
}

/// What is asked for, and what is given: seconds, or else the refusal.
type Life = (Option<&'static str>, &'static str);

#[test]
fn how_long_they_last() {
    let cases: [(Dialect, &[Life]); 5] = [
        (
            Dialect::Minio,
            // Without a word, the life of the token.
            &[
                (None, "300"),
                (Some("900"), "900"),
                (Some("604800"), "604800"),
                (Some("31536000"), "31536000"),
                (Some("899"), "InvalidParameterValue"),
                (Some("31536001"), "InvalidParameterValue"),
                (Some("1h"), "InvalidParameterValue"),
            ],
        ),
        (
            Dialect::Ceph,
            &[
                (None, "3600"),
                (Some("900"), "900"),
                (Some("899"), "InvalidArgument"),
                (Some("3601"), "InvalidArgument"),
                (Some("-1"), "InvalidArgument"),
                (Some("abc"), "InvalidArgument"),
            ],
        ),
        (
            Dialect::Aws,
            &[
                (None, "3600"),
                (Some("900"), "900"),
                (Some("899"), "ValidationError"),
                (Some("3601"), "ValidationError"),
                (Some("43201"), "ValidationError"),
                (Some("abc"), "MalformedInput"),
            ],
        ),
        (
            Dialect::Rustfs,
            &[
                (None, "3600"),
                (Some("10"), "900"),
                (Some("604800"), "43200"),
                (Some("1000"), "1000"),
            ],
        ),
        (
            Dialect::Seaweedfs,
            &[
                (None, "3600"),
                (Some("43200"), "43200"),
                (Some("43201"), "InvalidParameterValue"),
                (Some("899"), "InvalidParameterValue"),
            ],
        ),
    ];
    for (dialect, asks) in cases {
        let bench = Bench::new(dialect);
        for (asked, given) in asks {
            let answer = bench.exchange_but("DurationSeconds", *asked);
            if answer.status != 200 {
                assert_eq!(answer.text("Code"), *given, "{dialect:?} {asked:?}");
                continue;
            }
            let end: jiff::Timestamp = answer.text("Expiration").parse().unwrap();
            let life = end.as_second() - jiff::Timestamp::now().as_second();
            let given: i64 = given
                .parse()
                .unwrap_or_else(|_| panic!("{dialect:?} {asked:?} {life}"));
            assert!(
                (given - 5..=given + 1).contains(&life),
                "{dialect:?} {asked:?} {life}"
            );
        }
    }
}

#[test]
fn a_life_of_seconds_is_what_a_test_says() {
    let bench = Bench::with(Dialect::Ceph, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(2);
    });
    let keys = bench.credentials(&bench.fields());
    assert!(keys.expires <= jiff::Timestamp::now().as_second() + 2);
    assert_eq!(keys.asked_seconds, Some(3600));
}

#[test]
fn roles_where_there_are_roles() {
    for dialect in [
        Dialect::Ceph,
        Dialect::Aws,
        Dialect::Minio,
        Dialect::Seaweedfs,
    ] {
        let bench = Bench::new(dialect);
        let long = dialect.role("long");
        let mut fields = bench.fields();
        fields.retain(|(name, _)| !["RoleArn", "DurationSeconds"].contains(name));
        fields.push(("RoleArn", long.clone()));
        fields.push(("DurationSeconds", "43200".to_owned()));
        let keys = bench.credentials(&fields);
        assert_eq!(keys.role_arn, Some(long));
    }
}

#[test]
fn keys_are_kept_but_by_ceph() {
    use datalab_lab::identity_provider::Endpoint as Asked;
    for (dialect, fetched) in [(Dialect::Minio, 1), (Dialect::Ceph, 3)] {
        let bench = Bench::new(dialect);
        for _ in 0..3 {
            bench.credentials(&bench.fields());
        }
        assert_eq!(bench.provider.count(Asked::Keys), fetched, "{dialect:?}");
        // A new key is fetched once it is needed.
        bench.provider.roll_keys(false).unwrap();
        bench.credentials(&bench.fields());
        assert_eq!(
            bench.provider.count(Asked::Keys),
            fetched + 1,
            "{dialect:?}"
        );
        assert_eq!(bench.storage.count(Endpoint::AssumeRole), 4);
    }
}

#[test]
fn whoever_can_count_on_unknown_elements_reads_past_them() {
    let bench = Bench::with(Dialect::Aws, |options| {
        options.settings.adds_unknown_elements = true;
    });
    let answer = bench.exchange(&bench.fields());
    assert!(
        answer.body.contains("<Next a=\"1\"><Code>0</Code></Next>"),
        "{answer:?}"
    );
    assert_eq!(
        answer.text("AccessKeyId"),
        bench.storage.issued()[0].access_key_id
    );
}
