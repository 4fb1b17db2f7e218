use datalab_core::{
    http,
    report::{Failure, Kind},
};

use super::transport::helped;
use crate::{
    issued::Issued,
    span::in_words,
    store::{SIGNED_FOR, Unanswered},
};

/// As much of an address as a reader wants to see, in characters.
const SHOWN: usize = 200;

/// Why a store refuses keys that were just given.
pub(crate) fn of_store(error: &Unanswered, issued: &Issued) -> Failure {
    let url = &issued.store.url;
    let refusal = match error {
        // The client follows none, and shows no more of them: S3's PermanentRedirect is among them.
        Unanswered::Http(http::Error::Redirected { to, .. }) => {
            // Signature and session token stand in the query.
            let place = to.split(['?', '#']).next().unwrap_or_default();
            let cause = format!(
                "{url} refuses: it redirects to {}; the bucket has another region, or another address (--region, --addressing)",
                place.chars().take(SHOWN).collect::<String>()
            );
            let other_style = match issued.store.path_style {
                true => "virtual",
                false => "path",
            };
            return Failure::new(Kind::Refused, cause)
                .next("the same command with --region NAME")
                .next(format!("the same command with --addressing {other_style}"));
        }
        Unanswered::Http(error) => {
            let failure =
                Failure::new(Kind::Unreachable, format!("{url} does not answer: {error}"));
            return helped(failure, error, url, "--endpoint");
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
            .detail("the time here and where the server runs has to be the same")
            .next("date -u"),
        // A signature that stands in the address ends soon, by the store's clock.
        "AccessDenied" if refusal.skew.abs() >= SIGNED_FOR => failure(&format!(
            "its clock and this machine's are {} apart, so that it takes the request for an old one",
            in_words(refusal.skew.abs().as_secs().unsigned_abs())
        ))
        .detail("the time here and where the server runs has to be the same")
        .next("date -u"),
        "AccessDenied" | "AllAccessDisabled" => failure("the keys may not do this")
            .detail("what the role, or the policy that the token names, allows is for the store's administrator to say")
            .detail("a policy without rights (MinIO's stsonly, say) gives keys that may do nothing"),
        "NoSuchBucket" => failure("there is no such bucket").with_kind(Kind::NotFound),
        "AuthorizationHeaderMalformed" => {
            failure("it wants another region").next("the same command with --region NAME")
        }
        _ => failure(&refusal.to_string()),
    }
}
