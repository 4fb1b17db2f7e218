//! What each dialect says to what is wrong.

use std::fmt::Write as _;

use datalab_lab::identity_provider::Signature;
use datalab_lab::object_storage::Dialect;
use serde_json::json;

use crate::client::{Answer, Bench};

/// The same wrong tokens and requests, at each dialect: what came back.
fn refusals(dialect: Dialect) -> String {
    let bench = Bench::new(dialect);
    let mut told = String::new();
    let mut tell = |case: &str, answer: &Answer| {
        writeln!(told, "{case}: {}", answer.refusal()).unwrap();
    };
    let usual = || bench.exchange(&bench.fields());
    let lie = |change: &dyn Fn(&mut datalab_lab::identity_provider::Settings)| {
        let mut before = None;
        bench.provider.set(|settings| {
            before = Some(settings.clone());
            change(settings);
        });
        let answer = usual();
        bench.provider.set(|settings| *settings = before.unwrap());
        answer
    };
    tell("expired", &lie(&|s| s.lies.expires_later_seconds = -1000));
    tell(
        "issued later",
        &lie(&|s| s.lies.issued_later_seconds = 1000),
    );
    tell("signature", &lie(&|s| s.lies.signature = Signature::Broken));
    tell(
        "no algorithm",
        &lie(&|s| s.lies.signature = Signature::None),
    );
    tell(
        "unknown key",
        &lie(&|s| s.lies.signature = Signature::UnknownKeyId),
    );
    let claim = |name: &str, value: serde_json::Value| {
        let name = name.to_owned();
        lie(&move |s| {
            s.access_token_claims.insert(name.clone(), value.clone());
        })
    };
    tell(
        "other audience",
        &lie(&|s| {
            s.access_token_claims
                .insert("aud".to_owned(), json!(["account"]));
            s.access_token_claims
                .insert("azp".to_owned(), json!("onyxia"));
        }),
    );
    tell("no audience", &claim("aud", json!(null)));
    tell(
        "other issuer",
        &claim("iss", json!("https://elsewhere.example")),
    );
    tell(
        "no policy",
        &lie(&|s| {
            s.access_token_claims
                .insert("policy".to_owned(), json!(null));
            s.access_token_claims
                .insert("groups".to_owned(), json!(null));
        }),
    );
    tell(
        "unknown policy",
        &lie(&|s| {
            s.access_token_claims
                .insert("policy".to_owned(), json!("nope,nothing"));
            s.access_token_claims
                .insert("groups".to_owned(), json!(["nope"]));
        }),
    );
    let but = |name: &'static str, value: Option<&str>| bench.exchange_but(name, value);
    tell("no token", &but("WebIdentityToken", None));
    tell("garbage token", &but("WebIdentityToken", Some("garbage")));
    tell("no role", &but("RoleArn", None));
    tell(
        "unknown role",
        &but("RoleArn", Some(&dialect.role("nobody"))),
    );
    tell(
        "untrusted role",
        &but("RoleArn", Some(&dialect.role("untrusted"))),
    );
    tell("no name", &but("RoleSessionName", None));
    tell("short name", &but("RoleSessionName", Some("a")));
    tell("bad name", &but("RoleSessionName", Some("a/b c")));
    tell("bad policy", &but("Policy", Some("{\"Statement\":1}")));
    tell("no version", &but("Version", None));
    tell(
        "unknown action",
        &but("Action", Some("AssumeRoleWithFaith")),
    );
    let body = format!("{:?}", bench.fields());
    tell(
        "no form",
        &bench.curl("/", &["-H", "Content-Type: application/json", "-d", &body]),
    );
    bench.storage.set(|settings| settings.is_ready = false);
    tell("not ready", &usual());
    bench.storage.set(|settings| settings.is_ready = true);
    bench.provider.roll_keys(false).unwrap();
    let fields = bench.fields();
    bench.provider.stop();
    tell("no issuer", &bench.exchange(&fields));
    told
}

#[test]
fn minio() {
    let audience = |name| {
        format!(
            "400 InvalidParameterValue STS JWT Token has `{name}` claim invalid, `{name}` must match configured OpenID Client ID"
        )
    };
    assert_eq!(
        refusals(Dialect::Minio).lines().collect::<Vec<_>>(),
        [
            "expired: 400 InvalidParameterValue Token is expired".to_owned(),
            "issued later: 400 InvalidParameterValue Token used before issued".to_owned(),
            "signature: 400 InvalidParameterValue crypto/ecdsa: verification error".to_owned(),
            "no algorithm: 400 InvalidParameterValue signing method none is invalid".to_owned(),
            "unknown key: 400 InvalidParameterValue No public key found for kid nobody-knows-it".to_owned(),
            format!("other audience: {}", audience("azp")),
            format!("no audience: {}", audience("aud")),
            // It does not look at the issuer.
            "other issuer: 200".to_owned(),
            "no policy: 400 InvalidParameterValue policy claim missing from the JWT token, credentials will not be generated".to_owned(),
            "unknown policy: 400 InvalidParameterValue None of the given policies (`nope,nothing`) are defined, credentials will not be generated".to_owned(),
            "no token: 400 InvalidParameterValue token contains an invalid number of segments".to_owned(),
            "garbage token: 400 InvalidParameterValue token contains an invalid number of segments".to_owned(),
            "no role: 200".to_owned(),
            "unknown role: 400 InvalidParameterValue Error processing RoleArn parameter: Role arn:minio:iam:::role/nobody is not defined.".to_owned(),
            "untrusted role: 200".to_owned(),
            "no name: 200".to_owned(),
            "short name: 200".to_owned(),
            "bad name: 200".to_owned(),
            "bad policy: 400 InvalidParameterValue invalid session policy".to_owned(),
            "no version: 400 MissingParameter Invalid STS API version , expecting 2011-06-15".to_owned(),
            "unknown action: 400 InvalidParameterValue Unsupported action AssumeRoleWithFaith".to_owned(),
            "no form: 400 InvalidParameterValue Unsupported action".to_owned(),
            "not ready: 503 STSNotInitialized STS API not initialized, please try again.".to_owned(),
            "no issuer: 503 STSNotInitialized STS API not initialized, please try again.".to_owned(),
        ]
    );
}

#[test]
fn ceph() {
    let told = refusals(Dialect::Ceph);
    let told: Vec<_> = told.lines().collect();
    assert_eq!(
        told,
        [
            "expired: 403 AccessDenied",
            "issued later: 403 AccessDenied",
            "signature: 403 AccessDenied",
            "no algorithm: 403 AccessDenied",
            "unknown key: 403 AccessDenied",
            "other audience: 403 AccessDenied",
            "no audience: 403 AccessDenied",
            "other issuer: 403 AccessDenied",
            "no policy: 200",
            "unknown policy: 200",
            "no token: 403 AccessDenied",
            "garbage token: 403 AccessDenied",
            "no role: 403 AccessDenied",
            "unknown role: 403 AccessDenied",
            "untrusted role: 403 AccessDenied",
            "no name: 403 AccessDenied",
            "short name: 400 InvalidArgument",
            "bad name: 400 InvalidArgument",
            "bad policy: 400 MalformedPolicyDocument",
            "no version: 200",
            "unknown action: 405 MethodNotAllowed",
            "no form: 405 MethodNotAllowed",
            "not ready: 503 ServiceUnavailable",
            "no issuer: 403 AccessDenied",
        ]
    );
}

#[test]
fn aws() {
    let told = refusals(Dialect::Aws);
    let not_valid =
        "400 InvalidIdentityToken The web identity token provided could not be validated.";
    let denied = "403 AccessDenied Not authorized to perform sts:AssumeRoleWithWebIdentity";
    let wanted = [
        "expired: 400 ExpiredTokenException Token expired: current date/time".to_owned(),
        format!("issued later: {not_valid}"),
        format!("signature: {not_valid}"),
        format!("no algorithm: {not_valid}"),
        format!("unknown key: {not_valid}"),
        format!("other audience: {not_valid}"),
        // The authorized party fits.
        "no audience: 200".to_owned(),
        "other issuer: 400 InvalidIdentityToken No OpenIDConnect provider found".to_owned(),
        "no policy: 200".to_owned(),
        "unknown policy: 200".to_owned(),
        "no token: 400 ValidationError 1 validation error detected: Value null at".to_owned(),
        "garbage token: 400 InvalidIdentityToken The ID Token provided is not a valid JWT."
            .to_owned(),
        "no role: 400 ValidationError 1 validation error detected: Value null at".to_owned(),
        format!("unknown role: {denied}"),
        format!("untrusted role: {denied}"),
        "no name: 400 ValidationError 1 validation error detected: Value null at".to_owned(),
        "short name: 400 ValidationError 1 validation error detected: Value".to_owned(),
        "bad name: 400 ValidationError 1 validation error detected: Value".to_owned(),
        "bad policy: 400 MalformedPolicyDocument Syntax errors in policy.".to_owned(),
        "no version: 400 InvalidAction Could not find operation".to_owned(),
        "unknown action: 403 MissingAuthenticationToken Request is missing".to_owned(),
        "no form: 403 MissingAuthenticationToken Request is missing".to_owned(),
        // It is always there.
        "not ready: 200".to_owned(),
        "no issuer: 400 IDPCommunicationError Couldn't retrieve verification key".to_owned(),
    ];
    assert_eq!(told.lines().count(), wanted.len());
    // The end of a long sentence holds the time, or repeats what was asked.
    for (told, wanted) in told.lines().zip(wanted) {
        assert!(told.starts_with(&wanted), "{told}\nnot: {wanted}");
    }
}

#[test]
fn rustfs() {
    let failed = |why: &str| format!("403 AccessDenied token verification failed: {why}");
    assert_eq!(
        refusals(Dialect::Rustfs).lines().collect::<Vec<_>>(),
        [
            format!("expired: {}", failed("token is expired")),
            format!("issued later: {}", failed("token is not valid yet")),
            format!("signature: {}", failed("signature verification failed")),
            format!(
                "no algorithm: {}",
                failed("unsupported signing algorithm none")
            ),
            format!("unknown key: {}", failed("no matching key found")),
            format!("other audience: {}", failed("unexpected audience")),
            format!("no audience: {}", failed("unexpected audience")),
            format!("other issuer: {}", failed("unexpected issuer")),
            "no policy: 400 InvalidArgument no policies are available".to_owned(),
            "unknown policy: 400 InvalidArgument no policies are available".to_owned(),
            "no token: 400 InvalidArgument WebIdentityToken is missing".to_owned(),
            format!("garbage token: {}", failed("malformed token")),
            "no role: 200".to_owned(),
            "unknown role: 200".to_owned(),
            "untrusted role: 200".to_owned(),
            "no name: 200".to_owned(),
            "short name: 200".to_owned(),
            "bad name: 200".to_owned(),
            "bad policy: 400 InvalidArgument invalid policy".to_owned(),
            "no version: 400 InvalidArgument unsupported version".to_owned(),
            "unknown action: 400 InvalidArgument unsupported action".to_owned(),
            "no form: 400 InvalidRequest the body is not a form".to_owned(),
            "not ready: 500 InternalError OIDC not initialized".to_owned(),
            "no issuer: 500 InternalError OIDC not initialized".to_owned(),
        ]
    );
}

#[test]
fn seaweedfs() {
    let failed = "400 InvalidParameterValue web identity token validation failed";
    let denied = "403 AccessDenied role is unknown, or does not trust the identity";
    assert_eq!(
        refusals(Dialect::Seaweedfs).lines().collect::<Vec<_>>(),
        [
            "expired: 400 ExpiredTokenException web identity token has expired".to_owned(),
            format!("issued later: {failed}"),
            format!("signature: {failed}"),
            format!("no algorithm: {failed}"),
            format!("unknown key: {failed}"),
            "other audience: 400 InvalidParameterValue invalid audience".to_owned(),
            "no audience: 400 InvalidParameterValue invalid audience".to_owned(),
            "other issuer: 400 InvalidParameterValue invalid issuer".to_owned(),
            "no policy: 403 AccessDenied no policies for the identity".to_owned(),
            "unknown policy: 403 AccessDenied no policies for the identity".to_owned(),
            "no token: 400 MissingParameter WebIdentityToken is required".to_owned(),
            format!("garbage token: {failed}"),
            "no role: 200".to_owned(),
            format!("unknown role: {denied}"),
            format!("untrusted role: {denied}"),
            "no name: 400 MissingParameter RoleSessionName is required".to_owned(),
            "short name: 400 InvalidParameterValue invalid RoleSessionName".to_owned(),
            "bad name: 400 InvalidParameterValue invalid RoleSessionName".to_owned(),
            "bad policy: 400 MalformedPolicyDocument invalid policy document".to_owned(),
            // It does not look at the version.
            "no version: 200".to_owned(),
            "unknown action: 400 InvalidAction unsupported action: AssumeRoleWithFaith".to_owned(),
            "no form: 400 InvalidAction unsupported action:".to_owned(),
            "not ready: 503 ServiceUnavailable STS service not initialized".to_owned(),
            "no issuer: 503 ServiceUnavailable STS service not initialized".to_owned(),
        ]
    );
}

#[test]
fn what_only_some_versions_do() {
    // Before Squid, an encryption key that stands first spoils all tokens.
    let bench = Bench::new(Dialect::Ceph);
    bench
        .storage
        .set(|settings| settings.reads_first_key_only = true);
    assert_eq!(
        bench.exchange(&bench.fields()).refusal(),
        "403 AccessDenied"
    );

    let bench = Bench::new(Dialect::Minio);
    bench.storage.set(|settings| settings.cuts_to_token = true);
    let keys = bench.credentials(&bench.fields());
    assert!(keys.expires <= jiff::Timestamp::now().as_second() + 300);
    bench
        .storage
        .set(|settings| settings.ignores_unknown_roles = true);
    let answer = bench.exchange_but("RoleArn", Some("arn:aws:iam::123456789012:role/dummy"));
    assert_eq!(answer.status, 200, "{answer:?}");
    bench.storage.set(|settings| {
        settings.cuts_to_token = false;
        settings.longest_seconds_by_policy = Some(1800);
    });
    assert_eq!(
        bench.exchange(&bench.fields()).refusal(),
        "403 AccessDenied Access Denied."
    );
    assert_eq!(
        bench.exchange_but("DurationSeconds", Some("1800")).status,
        200
    );

    // Leeway: AWS takes a token that has just ended, MinIO does not.
    for (dialect, status) in [(Dialect::Aws, 200), (Dialect::Minio, 400)] {
        let bench = Bench::new(dialect);
        bench
            .provider
            .set(|settings| settings.access_token_seconds = -60);
        assert_eq!(
            bench.exchange(&bench.fields()).status,
            status,
            "{dialect:?}"
        );
        bench
            .provider
            .set(|settings| settings.access_token_seconds = 300);
        assert_eq!(bench.exchange(&bench.fields()).status, 200, "{dialect:?}");
    }
}

#[test]
fn ceph_takes_a_plus_for_a_plus() {
    let policy = |space: &str| {
        format!(
            "Policy=%7B%22Statement%22:{space}%7B%22Effect%22:%22Allow%22,%22Action%22:%22s3:*%22,%22Resource%22:%22*%22%7D%7D"
        )
    };
    for (dialect, space, status) in [
        (Dialect::Ceph, "+", 400),
        (Dialect::Ceph, "%20", 200),
        (Dialect::Minio, "+", 200),
    ] {
        let bench = Bench::new(dialect);
        let mut words = vec!["-d".to_owned(), policy(space)];
        for (name, value) in bench.fields() {
            words.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        let answer = bench.curl("/", &words);
        assert_eq!(answer.status, status, "{dialect:?} {space} {answer:?}");
    }
}

#[test]
fn what_a_client_must_not_do_is_kept() {
    let bench = Bench::new(Dialect::Ceph);
    let token = bench.token();
    let query = format!(
        "/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=alice&WebIdentityToken={token}&RoleArn={}",
        bench.dialect.role("datalab")
    );
    // It works, and is in the server's log from then on.
    assert_eq!(
        bench
            .curl(&query, &["-X", "POST", "-H", "Content-Type;"])
            .status,
        200
    );
    assert_eq!(bench.exchange_but("Wish", Some("gold")).status, 200);
    bench.curl(
        "/",
        &[
            "-H",
            "Authorization: Bearer x",
            "-d",
            "Action=AssumeRoleWithWebIdentity&Action=x&Policy=",
        ],
    );
    bench.curl(&format!("/bucket/{token}"), &["-d", ""]);
    let complaints = bench.storage.complaints();
    let wanted = [
        "POST /: parameters in the address are written to logs",
        "POST /: \"\" is not a form",
        "POST /: the parameter Wish does not belong here",
        "POST /: an exchange is not signed",
        "POST /: a parameter stands twice",
        "POST /: the parameter Policy is empty",
    ];
    assert_eq!(complaints[..wanted.len()], wanted);
    assert!(complaints[wanted.len()].ends_with("a secret in the address is written to logs"));
    assert_eq!(complaints.len(), wanted.len() + 1);

    // RustFS does not even see it.
    let bench = Bench::new(Dialect::Rustfs);
    let query = format!(
        "/?Action=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken={}",
        bench.token()
    );
    assert_eq!(
        bench.curl(&query, &["-d", "x=y"]).refusal(),
        "400 InvalidArgument unsupported action"
    );
}
