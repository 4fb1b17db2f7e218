use datalab_core::report::{Failure, Kind};

use crate::{issued::Issued, store::Unanswered};

/// Why a store refuses keys that were just given.
pub(crate) fn of_store(error: &Unanswered, issued: &Issued) -> Failure {
    let url = &issued.store.url;
    let refusal = match error {
        Unanswered::Http(error) => {
            return Failure::new(Kind::Unreachable, format!("{url} does not answer: {error}"));
        }
        Unanswered::Address(_) => return Failure::new(Kind::Usage, error.to_string()),
        Unanswered::Refused(refusal) => refusal,
    };
    let failure = |cause: &str| {
        Failure::new(Kind::Refused, format!("{url} refuses: {cause}")).detail(refusal.to_string())
    };
    match refusal.code() {
        "InvalidTokenId" | "InvalidToken" => failure("it does not know the session token")
            .detail("a proxy may drop it, or the keys come from another store's token service"),
        "InvalidAccessKeyId" => failure("it does not know the key")
            .detail("the keys come from another store's token service, or the session token was lost on the way"),
        "ExpiredToken" => failure("the keys have expired").next("the same command with --no-cache"),
        "SignatureDoesNotMatch" => failure("it computes another signature").detail(
            "a proxy rewrites the host or the path, or the bucket belongs elsewhere: --addressing path or virtual, --region NAME",
        ),
        "RequestTimeTooSkewed" => failure("its clock and this machine's are too far apart")
            .next("date -u, here and where the server runs"),
        "AccessDenied" | "AllAccessDisabled" => failure("the keys may not do this")
            .detail("what the role, or the policy that the token names, allows is for the store's administrator to say")
            .detail("a policy without rights (MinIO's stsonly, say) gives keys that may do nothing"),
        "NoSuchBucket" => failure("there is no such bucket").with_kind(Kind::NotFound),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => {
            failure("it wants another region").next("the same command with --region NAME")
        }
        _ => failure(&refusal.to_string()),
    }
}
