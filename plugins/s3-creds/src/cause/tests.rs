//! What a server says, and the first line that a user is told of it.

use data_encoding::BASE64URL_NOPAD;
use datalab_core::{cli::DisplayName, onyxia::Login, report::Kind, words::Secret, world::World};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Scene, is_duration};
use crate::{
    issued::Server,
    source::TokenKind,
    sts::{Refusal, StsError},
};

const NOW: i64 = 1_800_000_000;

/// A token of Keycloak's with these claims changed; null takes one away.
fn token(changes: &Value) -> Secret<String> {
    let mut claims = json!({
        "iss": "https://idp.example/realms/datalab",
        "sub": "f3",
        "preferred_username": "alice",
        "aud": ["account"],
        "azp": "kubernetes",
        "iat": NOW - 10,
        "exp": NOW + 290,
    });
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    if let Some(claims) = claims.as_object_mut() {
        claims.retain(|_, value| !value.is_null());
    }
    let payload = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    format!("e30.{payload}.c2ln").into()
}

/// A server's no.
fn refusal(server: Server, status: u16, code: &str, message: &str) -> Refusal {
    let there = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Refusal {
        status: StatusCode::from_u16(status).unwrap(),
        code: there(code),
        message: there(message),
        body: None,
        content_type: Some("application/xml".to_owned()),
        skew: SignedDuration::ZERO,
        server,
        problem: None,
    }
}

/// What a user is told: exit code, the line, what follows it, and the commands.
struct Told {
    kind: Kind,
    problem: String,
    details: String,
    commands: Vec<String>,
}

#[derive(Clone, Debug)]
struct Case {
    server: Server,
    role: Option<&'static str>,
    claims: Value,
    flags: Vec<String>,
}

impl Case {
    fn of(server: Server) -> Self {
        Self {
            server,
            role: None,
            claims: Value::Null,
            flags: vec!["--endpoint=https://s3.example".to_owned()],
        }
    }

    fn with_role(mut self, role: &'static str) -> Self {
        self.role = Some(role);
        self
    }

    fn with(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    fn told(&self, status: u16, code: &str, message: &str) -> Told {
        let refusal = refusal(self.server, status, code, message);
        self.explained(&StsError::Refused(Box::new(refusal)))
    }

    fn explained(&self, error: &StsError) -> Told {
        let token = token(&self.claims);
        let name = DisplayName::of(
            &World::test(Timestamp::UNIX_EPOCH, []).0,
            None,
            "kubectl datalab s3-creds",
        );
        let login = Login {
            issuer: "https://idp.example/realms/datalab".to_owned(),
            client_id: "kubernetes".to_owned(),
            scopes: Vec::new(),
            extra_query_parameters: None,
        };
        let scene = Scene {
            sts_url: "https://s3.example",
            store_url: "https://s3.example",
            token: &token,
            token_kind: Some(TokenKind::Access),
            login: Some(&login),
            role_arn: self.role,
            seconds: 3600,
            server: None,
            now: Timestamp::from_second(NOW).unwrap(),
            name: &name,
            oidc_login: "kubectl datalab oidc-login",
            flags: Some(&self.flags),
        };
        let failure = scene.explain(error);
        let begins = "https://s3.example gives no keys: ";
        Told {
            kind: failure.kind(),
            problem: failure
                .problem()
                .strip_prefix(begins)
                .unwrap_or_else(|| panic!("{failure} begins otherwise"))
                .to_owned(),
            details: failure.details().join("\n"),
            commands: failure.commands().to_vec(),
        }
    }
}

const INVALID: &str = "InvalidParameterValue";
const KEY: &str = "it does not know the key that signed the token";
const POLICIES: &str = "it has none of the policies that the token names";
const AUDIENCE: &str = "the token is not for it";
const NO_AUDIENCE: &str = "Keycloak put no audience (aud) into the token";
const ISSUER: &str = "the token's issuer is not registered there as an OpenID Connect provider";
const NOT_ACCEPTED: &str = "it does not accept the token";

#[test]
fn sentences_are_told_apart_and_names_within_them_decide_nothing() {
    let minio = Case::of(Server::Minio);
    let with_role = minio.clone().with_role("arn:minio:iam:::role/aud");
    let aws = Case::of(Server::Aws).with_role("arn:aws:iam::000000000000:role/duration");
    let rustfs = Case::of(Server::RustFs);
    let other = Case::of(Server::Other).with_role("arn:aws:iam:::role/data");
    let no_policies = |names: &str| {
        format!(
            "None of the given policies (`{names}`) are defined, credentials will not be generated"
        )
    };
    for (case, status, code, message, problem) in [
        (&minio, 400, INVALID, no_policies("fraud-team"), POLICIES),
        (&minio, 400, INVALID, no_policies("aud"), POLICIES),
        (&minio, 400, INVALID, no_policies("duration,kid"), POLICIES),
        (&minio, 400, INVALID, no_policies("session policy"), POLICIES),
        (&minio, 400, INVALID, "No public key found for kid 4fAuDx".into(), KEY),
        (&minio, 400, INVALID, "No public key found for kid aud".into(), KEY),
        (&minio, 400, INVALID, "crypto/rsa: verification error".into(), KEY),
        (
            &minio,
            400,
            INVALID,
            "STS JWT Token has `aud` claim invalid, `aud` must match configured OpenID Client ID".into(),
            AUDIENCE,
        ),
        (
            &minio,
            400,
            INVALID,
            "STS JWT Token has `azp` claim invalid, `azp` must match configured OpenID Client ID".into(),
            AUDIENCE,
        ),
        (&other, 403, "AccessDenied", "audience does not match".into(), AUDIENCE),
        (&aws, 400, "InvalidIdentityToken", "Incorrect token audience".into(), AUDIENCE),
        (
            &aws,
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://auth.claude.example".into(),
            ISSUER,
        ),
        (
            &aws,
            400,
            "InvalidIdentityToken",
            "The web identity token provided could not be validated.".into(),
            NOT_ACCEPTED,
        ),
        (&rustfs, 403, "AccessDenied", "token verification failed: unexpected audience".into(), AUDIENCE),
        (&rustfs, 403, "AccessDenied", "token verification failed: no matching key found".into(), KEY),
        (&rustfs, 403, "AccessDenied", "token verification failed: signature verification failed".into(), KEY),
        (&rustfs, 403, "AccessDenied", "token verification failed: unexpected issuer".into(), NOT_ACCEPTED),
        (
            &with_role,
            400,
            INVALID,
            "Error processing RoleArn parameter: RoleARN arn:minio:iam:::role/aud is not defined.".into(),
            "it has no role arn:minio:iam:::role/aud, or the role does not trust this token",
        ),
        (
            &with_role,
            400,
            INVALID,
            "RoleARN arn:minio:iam:::role/aud is not defined.".into(),
            "it has no role arn:minio:iam:::role/aud, or the role does not trust this token",
        ),
        (
            &aws,
            400,
            "ValidationError",
            "1 validation error detected: Value 'arn:aws:iam::000000000000:role/duration' at 'roleArn' failed".into(),
            "it has no role arn:aws:iam::000000000000:role/duration, or the role does not trust this token",
        ),
        (
            &aws,
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".into(),
            "keys that live 60 min are not for this role",
        ),
        (
            &minio,
            400,
            INVALID,
            "invalid token expiry".into(),
            "keys that live 60 min are not for this role",
        ),
        (
            &Case::of(Server::Aws),
            400,
            "ValidationError",
            "1 validation error detected: Value at 'roleArn' failed to satisfy constraint".into(),
            "it wants to be told a role, and none is",
        ),
    ] {
        let told = case.told(status, code, &message);
        assert_eq!(told.problem, problem, "{message}");
    }
}

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
