use datalab_core::report::Kind;
use serde_json::json;

use super::{Case, INVALID, refusal};
use crate::{cause::is_duration, issued::Server};

const NO_AUDIENCE: &str = "Keycloak put no audience (aud) into the token";

#[test]
fn a_claim_is_missing_by_its_own_name() {
    let minio = Case::of(Server::Minio);
    let missing = |name: &str| {
        format!("{name} claim missing from the JWT token, credentials will not be generated")
    };
    for (claims, claim, problem) in [
        (
            json!({}),
            "policy",
            "the token has no claim policy, which names the policies of its user",
        ),
        (
            json!({}),
            "minioPolicy",
            "the token has no claim minioPolicy, which names the policies of its user",
        ),
        (
            json!({}),
            "https://min.io/policy",
            "the token has no claim https://min.io/policy, which names the policies of its user",
        ),
        (
            json!({"minioPolicy": "readwrite"}),
            "minioPolicy",
            "it finds no policy in the claim minioPolicy, which the token has",
        ),
        (
            json!({"policy": {"a": 1}}),
            "policy",
            "it finds no policy in the claim policy, which the token has",
        ),
    ] {
        let told = minio
            .clone()
            .with(claims)
            .told(400, INVALID, &missing(claim));
        assert_eq!(told.problem, problem);
        assert_eq!(told.kind, Kind::Refused);
        assert!(!told.details.contains("CLIENT"), "{}", told.details);
    }
    let rustfs = Case::of(Server::RustFs);
    let told = rustfs.told(400, "InvalidArgument", "no policies are available");
    assert!(told.problem.contains("no claim groups"), "{}", told.problem);
    let told = rustfs.with(json!({"groups": ["data"]})).told(
        400,
        "InvalidArgument",
        "no policies are available",
    );
    assert_eq!(
        told.problem,
        "it finds no policy in the claim groups, which the token has"
    );
    assert!(
        told.details.contains("groups is [\"data\"]"),
        "{}",
        told.details
    );
}

#[test]
fn nobody_is_told_to_give_all_users_one_subject() {
    let problem = "the token does not say whom it is about (sub)";
    for (case, code, message) in [
        (
            Case::of(Server::Minio),
            INVALID,
            "STS JWT Token has `sub` claim missing, `sub` claim is mandatory",
        ),
        (
            Case::of(Server::Aws).with_role("arn:aws:iam::000000000000:role/data"),
            "InvalidIdentityToken",
            "Missing a required claim: sub",
        ),
    ] {
        let told = case.with(json!({"sub": null})).told(400, code, message);
        assert_eq!(told.problem, problem);
        assert!(!told.details.contains("Hardcoded"), "{}", told.details);
        assert!(told.details.contains("scope basic"), "{}", told.details);
    }
}

#[test]
fn a_token_without_an_audience_is_blamed_for_that_alone() {
    let nobody = json!({"aud": null});
    let minio = Case::of(Server::Minio).with(nobody.clone());
    let aws = Case::of(Server::Aws)
        .with_role("arn:aws:iam::000000000000:role/data")
        .with(nobody);
    for (case, status, code, message, blamed) in [
        (
            &minio,
            400,
            INVALID,
            "STS JWT Token has `aud` claim invalid, `aud` must match",
            true,
        ),
        (&minio, 400, INVALID, "Unsupported action", false),
        (&minio, 403, "AccessDenied", "Access Denied.", false),
        (&minio, 400, INVALID, "No public key found for kid x", false),
        (
            &aws,
            400,
            "InvalidIdentityToken",
            "Missing a required claim: aud",
            true,
        ),
        (
            &aws,
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account",
            false,
        ),
    ] {
        let told = case.told(status, code, message);
        assert_eq!(
            told.problem == NO_AUDIENCE,
            blamed,
            "{message}: {}",
            told.problem
        );
    }
}

#[test]
fn a_store_that_wants_a_signature_is_no_token_service() {
    let told = Case::of(Server::Other)
        .with_role("arn:aws:iam:::role/data")
        .told(
            403,
            "AccessDenied",
            "Forbidden: Garage does not support anonymous access yet",
        );
    assert_eq!(
        told.problem,
        "it is Garage, which has no token service (STS)"
    );
    assert_eq!(told.kind, Kind::Usage);
    assert_eq!(told.commands, ["the same command with --server static"]);
    let told = Case::of(Server::Other).told(403, "AccessDenied", "Anonymous access is forbidden");
    assert_eq!(told.problem, "it is no token service (STS)");
}

#[test]
fn commands_hold_no_prose() {
    let minio = Case::of(Server::Minio);
    let aws = Case::of(Server::Aws);
    let told = minio.told(
        400,
        INVALID,
        "None of the given policies (`a b,c`) are defined",
    );
    assert_eq!(
        told.commands,
        ["mc admin policy create ALIAS 'a b' policy.json"]
    );
    let told = aws.told(400, "IDPCommunicationError", "Couldn't retrieve it");
    assert_eq!(
        told.commands,
        ["curl -sS https://idp.example/realms/datalab/.well-known/openid-configuration"]
    );
    assert_eq!(told.kind, Kind::Unreachable);
    let told = aws.told(400, "ValidationError", "roleArn must not be null");
    assert_eq!(
        told.commands,
        [
            "the same command with --role-arn ARN",
            "kubectl datalab s3-creds profiles --onyxia URL"
        ]
    );
    let certificate = |reason: &str| datalab_core::http::Error::Certificate {
        host: "s3.example".to_owned(),
        reason: reason.to_owned(),
    };
    let told = minio.explained(&certificate("nobody has signed it").into());
    assert_eq!(told.kind, Kind::Refused);
    assert_eq!(
        told.commands,
        [
            "the same command with --ca-file FILE",
            "openssl s_client -showcerts -connect s3.example:443 </dev/null"
        ]
    );
    let told = minio.explained(&certificate("it is for other.example").into());
    assert_eq!(told.commands, ["the same command with --endpoint URL"]);
}

#[test]
fn another_number_of_seconds_is_tried_only_where_it_may_help() {
    let minio = |message: &str| refusal(Server::Minio, 400, INVALID, message);
    for (message, may_help) in [
        ("invalid token expiry", true),
        (
            "DurationSeconds must be between 900 and 43200 seconds",
            true,
        ),
        (
            "Value '604800' at 'durationSeconds' failed to satisfy constraint",
            true,
        ),
        ("None of the given policies (`duration`) are defined", false),
        ("No public key found for kid durationseconds0", false),
        ("Role arn:minio:iam:::role/duration is not defined.", false),
    ] {
        assert_eq!(is_duration(&minio(message), 3600), may_help, "{message}");
    }
    let mute = refusal(Server::Ceph, 400, "InvalidArgument", "");
    assert!(is_duration(&mute, 7200) && !is_duration(&mute, 3600));
}
