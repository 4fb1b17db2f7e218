use super::{Case, INVALID};
use crate::issued::Server;

const KEY: &str = "it does not know the key that signed the token";
const POLICIES: &str = "it has none of the policies that the token names";
const AUDIENCE: &str = "the token is not for it";
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
            "No OpenIDConnect provider found in your account for https://auth.gaudi.example".into(),
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
