use datalab_core::{
    oidc::discovery_url,
    report::{Failure, Kind, quoted_if_needed},
};

use super::{Facts, Scene};
use crate::sts::Refusal;

impl Scene<'_> {
    /// It is a token service, and cannot answer now.
    pub(super) fn not_ready(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let starting = ["STSNotInitialized", "STSIAMNotInitialized"].contains(&refusal.code())
            || refusal.says(&["not initialized"]);
        let identity_provider = refusal.code() == "IDPCommunicationError"
            || refusal.says(&["verification key from your identity provider"]);
        let failure = |cause: &str| self.no(Kind::Unreachable, cause);
        if starting {
            return Some(
                failure("it is starting, or cannot reach its identity provider")
                    .detail(refusal.to_string())
                    .next("the same command in a minute"),
            );
        }
        if identity_provider {
            let failure = failure("it cannot fetch the keys of the identity provider")
                .detail(refusal.to_string());
            return Some(match facts.text("iss") {
                Some(issuer) => failure
                    .detail("what this prints has to be seen from where the server runs, too")
                    .next(format!(
                        "curl -sS {}",
                        quoted_if_needed(&discovery_url(issuer))
                    )),
                None => failure.next("the same command in a minute"),
            });
        }
        if refusal.status.is_server_error() && refusal.status.as_u16() != 501 {
            let failure = failure(&refusal.to_string());
            let failure = match &refusal.body {
                Some(body) => failure.detail(format!("it says: {body}")),
                None => failure,
            };
            return Some(failure.next("the same command in a minute"));
        }
        None
    }

    /// Something else answers there.
    pub(super) fn not_a_token_service(&self, refusal: &Refusal) -> Option<Failure> {
        let failure = |cause: &str| self.no(Kind::Usage, cause).detail(refusal.to_string());
        let elsewhere = |failure: Failure| {
            let failure = match self.sts_url == self.store_url {
                true => failure
                    .detail("some stores have their token service at another address or port"),
                false => failure,
            };
            failure
                .detail("for a store without temporary keys, as Garage, there is --server static")
                .next("the same command with --sts-endpoint URL")
                .next("the same command with --server static")
        };
        if refusal.is_page() {
            return Some(elsewhere(
                failure("it answers with a page for people")
                    .detail("this is MinIO's console (often port 9001), an ingress, or a proxy that wants a login"),
            ));
        }
        // A token service knows nobody before it has read the token.
        if refusal.says(&["anonymous access", "anonymous users"]) {
            return Some(match refusal.says(&["garage"]) {
                true => failure("it is Garage, which has no token service (STS)")
                    .detail("its keys are made by its administrator, and do not expire")
                    .next("the same command with --server static"),
                false => elsewhere(failure("it is no token service (STS)")),
            });
        }
        match (refusal.status.as_u16(), refusal.code()) {
            (405 | 501, _) | (404, "" | "NoSuchBucket" | "NoSuchKey") => {
                Some(elsewhere(failure("it is no token service (STS)")))
            }
            _ if ["NotImplemented", "MissingContentLength", "MethodNotAllowed"]
                .contains(&refusal.code()) =>
            {
                Some(elsewhere(failure("it is no token service (STS)")))
            }
            // Whoever knows this call says no in XML.
            (400..=499, "") if !refusal.is_xml() => {
                let failure = failure("it is no token service (STS)");
                Some(elsewhere(match &refusal.body {
                    Some(body) => failure.detail(format!("it says: {body}")),
                    None => failure,
                }))
            }
            (200..300, _) => Some(elsewhere(
                failure("its answer holds no keys")
                    .detail("something between here and the server may have changed it"),
            )),
            _ => None,
        }
    }
}
