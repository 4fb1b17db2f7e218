use datalab_core::report::{Failure, Kind, quoted_if_needed};

use super::{Facts, Scene};
use crate::{source::TokenKind, sts::Refusal};

/// Where Keycloak's administrators add to what a client's tokens say.
const MAPPERS: &str =
    "Keycloak: Clients, CLIENT, Client scopes, CLIENT-dedicated, Add mapper, By configuration";

impl Scene<'_> {
    /// Whom the token is for.
    pub(super) fn audience(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        const WORDS: [&str; 6] = [
            "aud",
            "azp",
            "audience",
            "audiences",
            "client id",
            "client_id",
        ];
        if !refusal.says(&WORDS) {
            return None;
        }
        if facts.list("aud").is_empty() {
            return Some(self.no_audience(facts, refusal));
        }
        let failure = self
            .no(Kind::Refused, "the token is not for it")
            .detail(refusal.to_string())
            .detail(facts.token());
        Some(self.go_to_doctor(self.mend_audience(failure, facts)))
    }

    /// The issuer is none of those that it was told of.
    pub(super) fn issuer_not_registered(
        &self,
        facts: &Facts,
        refusal: &Refusal,
    ) -> Option<Failure> {
        if !refusal.says(&["no openidconnect provider found"]) {
            return None;
        }
        let client = facts.text("azp").or_else(|| self.client_id());
        let failure = self
            .no(
                Kind::Refused,
                "the token's issuer is not registered there as an OpenID Connect provider",
            )
            .detail(refusal.to_string())
            .detail(facts.token())
            .detail(format!(
                "its administrator registers it: aws iam create-open-id-connect-provider --url {} --client-id-list {}",
                quoted_if_needed(facts.text("iss").unwrap_or("ISSUER")),
                quoted_if_needed(client.unwrap_or("CLIENT"))
            ));
        Some(self.go_to_doctor(failure))
    }

    /// It does not like the token, and does not say what of it.
    pub(super) fn not_accepted(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let is_identity = refusal.code() == "InvalidIdentityToken";
        let is_text = refusal.says(&["token verification failed", "token validation failed"]);
        if !is_identity && !is_text {
            return None;
        }
        if is_identity && facts.list("aud").is_empty() {
            return Some(self.no_audience(facts, refusal));
        }
        let failure = self
            .no(Kind::Refused, "it does not accept the token")
            .detail(refusal.to_string())
            .detail(facts.token());
        // AWS' word for every token whose provider, client or signature does not fit.
        let failure = match is_identity {
            true => failure.detail(format!(
                "no OpenID Connect provider {} is registered there, its client ids lack {}, or the role trusts other tokens",
                facts.provider(),
                self.client_of(facts)
            )),
            false => failure,
        };
        Some(self.go_to_doctor(self.mend_audience(failure, facts)))
    }

    fn no_audience(&self, facts: &Facts, refusal: &Refusal) -> Failure {
        let failure = self
            .no(
                Kind::Refused,
                "Keycloak put no audience (aud) into the token",
            )
            .detail(refusal.to_string())
            .detail("MinIO wants one even where azp fits")
            .detail(self.audience_mapper(facts));
        self.go_to_doctor(failure)
    }

    /// How a token comes to be for it.
    fn mend_audience(&self, failure: Failure, facts: &Facts) -> Failure {
        let failure = failure
            .detail("it wants the client id that it was configured with in aud, some in azp")
            .detail(self.audience_mapper(facts));
        match self.token_kind {
            Some(TokenKind::Access) => failure.detail(format!(
                "the login's ID token is for {}: --token-kind id passes where the server knows that client",
                self.client_id().unwrap_or("the client that logs in")
            )),
            _ => failure,
        }
    }

    fn audience_mapper(&self, facts: &Facts) -> String {
        format!(
            "{}: Audience, Included Custom Audience = the server's client id, Add to access token (and to ID token)",
            self.mappers(facts)
        )
    }

    /// Where the mappers of the token's client are.
    pub(super) fn mappers(&self, facts: &Facts) -> String {
        MAPPERS.replace("CLIENT", self.client_of(facts))
    }
}
