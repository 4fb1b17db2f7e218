use datalab_core::report::{Failure, Kind};

use super::{Facts, Scene};
use crate::sts::Refusal;

impl Scene<'_> {
    /// The issuer's signing key, by words that say nothing else; the key's id follows them.
    pub(super) fn no_such_key(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        refusal
            .says(&["no public key found", "no matching key found"])
            .then(|| self.unknown_key(facts, refusal))
    }

    /// The issuer's signing key.
    pub(super) fn key_of_issuer(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        refusal
            .says(&["public key", "kid", "signature", "verification error"])
            .then(|| self.unknown_key(facts, refusal))
    }

    fn unknown_key(&self, facts: &Facts, refusal: &Refusal) -> Failure {
        let issuer = facts.text("iss").unwrap_or_default();
        let failure = self
            .no(
                Kind::Refused,
                "it does not know the key that signed the token",
            )
            .detail(refusal.to_string())
            .detail(facts.token());
        let failure = match self.login {
            Some(login) if login.issuer != issuer => failure.detail(format!(
                "the token comes from {issuer}, and this store's users log in at {}",
                login.issuer
            )),
            _ => failure.detail(format!(
                "it may be configured with another realm than {issuer}, or keep its old keys"
            )),
        };
        self.go_to_doctor(failure)
    }

    /// A server that says no word, when everything that can be seen from here is right.
    pub(super) fn says_nothing(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        if refusal.status.as_u16() != 403 || refusal.message.is_some() {
            return None;
        }
        let issuer = facts.text("iss").unwrap_or_default();
        let provider = facts.provider();
        let party = facts.text("azp").unwrap_or_default();
        let role = self
            .role_arn
            .and_then(|arn| arn.rsplit('/').next())
            .unwrap_or("ROLE");
        let failure = self.no(Kind::Refused, "it refuses without a reason, as Ceph does; these are left, most likely first")
            .detail(refusal.to_string())
            .detail(facts.token())
            .detail(format!("the role's trust policy has another condition than this token meets (radosgw-admin role get --role-name={role})"))
            .detail(format!("there is no role {}", self.role_arn.unwrap_or_default()))
            .detail(format!("no OpenID Connect provider {provider} is registered, or its client ids lack {party}"))
            .detail(format!("the gateway cannot reach {issuer}, or does not trust its certificate (rgw verify ssl)"))
            .detail("Ceph before Squid: the first key of the issuer's JWKS is one for encryption; give the signing key a higher priority");
        Some(self.go_to_doctor(failure))
    }
}
