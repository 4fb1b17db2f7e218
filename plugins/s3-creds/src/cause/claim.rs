use datalab_core::report::{Failure, Kind, quoted_if_needed};

use super::{Facts, Scene};
use crate::{
    issued::Server,
    source::TokenKind,
    sts::{Refusal, words},
};

/// As much of a claim's value as a reader wants to see, in characters.
const SHOWN: usize = 100;

impl Scene<'_> {
    /// What the server looks for in the token, and does not find: policies, or whom it is about.
    pub(super) fn claim(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        if refusal.says(&["none of the given policies"]) {
            return Some(self.no_such_policy(facts, refusal));
        }
        let missing = missing_claim(refusal.message.as_deref().unwrap_or_default());
        match missing {
            Some("sub") => return Some(self.no_subject(facts, refusal)),
            // Whose place in a token is another matter.
            Some("aud" | "azp") => return None,
            _ => {}
        }
        let is_policy = refusal.says(&["claim missing", "no policies", "policy claim"]);
        if !is_policy {
            return None;
        }
        let default = match self.is(refusal, Server::RustFs) {
            true => "groups",
            false => "policy",
        };
        Some(self.no_policy(missing.unwrap_or(default), facts, refusal))
    }

    fn no_such_policy(&self, facts: &Facts, refusal: &Refusal) -> Failure {
        // The server says which it means; its claim may have any name.
        let said = refusal.message.as_deref().unwrap_or_default();
        let names = said.split('`').nth(1).unwrap_or_default();
        let names: Vec<_> = names
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        let names = match names.is_empty() {
            true => facts.list("policy"),
            false => names,
        };
        let cause = "it has none of the policies that the token names";
        let failure = self.no(Kind::Refused, cause).detail(refusal.to_string());
        let failure = match names.as_slice() {
            [] => failure,
            names => failure.detail(format!("the token names {}", names.join(", "))),
        };
        failure
            .detail(
                "the store's administrator makes one of them, from a file that says what it allows",
            )
            .next(format!(
                "mc admin policy create ALIAS {} policy.json",
                names
                    .first()
                    .map_or_else(|| "NAME".to_owned(), |name| quoted_if_needed(name))
            ))
    }

    /// MinIO and AWS want to know whom a token is about.
    fn no_subject(&self, facts: &Facts, refusal: &Refusal) -> Failure {
        let failure = self
            .no(
                Kind::Refused,
                "the token does not say whom it is about (sub)",
            )
            .detail(refusal.to_string())
            .detail(format!("it has {}", facts.claim_names()))
            .detail(format!(
                "Keycloak 25 and later puts it there by the scope basic: Clients, {}, Client scopes, Add client scope, basic, Default",
                self.client_of(facts)
            ))
            .detail("a claim of a fixed value would make all users one");
        match self.token_kind {
            Some(TokenKind::Access) => failure
                .detail("ID tokens have it always")
                .next("the same command with --token-kind id"),
            _ => self.go_to_doctor(failure),
        }
    }

    fn no_policy(&self, claim: &str, facts: &Facts, refusal: &Refusal) -> Failure {
        let value = facts
            .claims
            .as_ref()
            .and_then(|claims| claims.all().get(claim));
        if let Some(value) = value {
            let value: String = value.to_string().chars().take(SHOWN).collect();
            let cause = format!("it finds no policy in the claim {claim}, which the token has");
            return self.no(Kind::Refused, &cause)
                .detail(refusal.to_string())
                .detail(format!("{claim} is {value}"))
                .detail("older MinIO says so of policies that it does not have; all want text, or a list of texts")
                .detail("the policies that the server has are for its administrator to see")
                .next("mc admin policy list ALIAS");
        }
        let cause = format!("the token has no claim {claim}, which names the policies of its user");
        let failure = self
            .no(Kind::Refused, &cause)
            .detail(refusal.to_string())
            .detail(format!("it has {}", facts.claim_names()))
            .detail(format!(
                "{}: Hardcoded claim (or User Attribute), Token Claim Name = {claim}, Claim value = a policy of the server's, Add to access token",
                self.mappers(facts)
            ));
        match self.role_arn {
            None => failure
                .detail("where the server has roles, one of them does as well")
                .next("the same command with --role-arn ARN"),
            Some(_) => self.go_to_doctor(failure),
        }
    }
}

/// The claim that is said to be missing, as the server spells it: "NAME claim missing" (MinIO),
/// "Missing a required claim: NAME" (AWS).
fn missing_claim(message: &str) -> Option<&str> {
    let said: Vec<_> = words(message).collect();
    let after = |phrase: [&str; 2]| {
        said.windows(2).position(|window| {
            window
                .iter()
                .zip(phrase)
                .all(|(a, b)| a.eq_ignore_ascii_case(b))
        })
    };
    let name = match (after(["claim", "missing"]), after(["required", "claim"])) {
        (Some(place), _) => said.get(place.checked_sub(1)?)?,
        (None, Some(place)) => said.get(place + 2)?,
        (None, None) => return None,
    };
    Some(name)
}
