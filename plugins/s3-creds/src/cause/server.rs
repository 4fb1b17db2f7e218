use datalab_core::report::{Failure, Kind};

use super::{Facts, Scene};
use crate::{issued::Server, source::TokenKind, span::in_words, sts::Refusal};

/// Where Keycloak's administrators add to what a client's tokens say.
const MAPPERS: &str =
    "Keycloak: Clients, CLIENT, Client scopes, CLIENT-dedicated, Add mapper, By configuration";

impl Scene<'_> {
    pub(super) fn not_ready(&self, refusal: &Refusal) -> Option<Failure> {
        let starting = ["STSNotInitialized", "STSIAMNotInitialized"].contains(&refusal.code())
            || refusal.says(&["not initialized"]);
        let identity_provider = refusal.code() == "IDPCommunicationError"
            || refusal.says(&["verification key from your identity provider"]);
        let failure = |cause: &str| self.no(Kind::Unreachable, cause);
        if starting {
            return Some(
                failure("it is starting, or cannot reach its identity provider")
                    .detail(refusal.to_string())
                    .detail("it was asked four times")
                    .next("the same command in a minute"),
            );
        }
        if identity_provider {
            return Some(
                failure("it cannot fetch the keys of the identity provider")
                    .detail(refusal.to_string())
                    .next(format!(
                        "curl -sS {}/.well-known/openid-configuration, from where the server runs",
                        self.issuer()
                    )),
            );
        }
        if refusal.status.is_server_error() && refusal.status.as_u16() != 501 {
            let failure = failure(&refusal.to_string()).detail("it was asked four times");
            let failure = match &refusal.body {
                Some(body) => failure.detail(format!("it says: {body}")),
                None => failure,
            };
            return Some(failure.next("the same command in a minute"));
        }
        None
    }

    pub(super) fn not_a_token_service(&self, refusal: &Refusal) -> Option<Failure> {
        let failure = |cause: &str| self.no(Kind::Usage, cause).detail(refusal.to_string());
        let elsewhere = |failure: Failure| {
            let same = self.sts_url == self.store_url;
            let failure = match same {
                true => failure
                    .detail("some stores have their token service at another address or port"),
                false => failure,
            };
            failure
                .next("the same command with --sts-endpoint URL")
                .next("the same command with --server static, for a store without temporary keys (Garage)")
        };
        if refusal.is_page() {
            return Some(elsewhere(
                failure("it answers with a page for people")
                    .detail("this is MinIO's console (often port 9001), an ingress, or a proxy that wants a login"),
            ));
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

    /// The token itself is too old, too new, or none.
    pub(super) fn token_is_bad(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let with_clock = |failure: Failure| match facts.clock() {
            Some(clock) => failure.detail(clock),
            None => failure,
        };
        if let Some(since) = facts.expired_for() {
            let ago = in_words(since.as_secs().unsigned_abs());
            // A new token would be as old to it.
            if let (Some(clock), false) = (facts.clock(), facts.expired_here(self.now)) {
                return Some(
                    self.no(
                        Kind::Refused,
                        &format!("by its clock the token expired {ago} ago"),
                    )
                    .detail(refusal.to_string())
                    .detail(clock)
                    .next("date -u, here and where the server runs"),
                );
            }
            let failure = self.no(Kind::Refused, &format!("the token expired {ago} ago"));
            return Some(self.go_on_with_a_token(with_clock(failure.detail(refusal.to_string()))));
        }
        if refusal.code().starts_with("ExpiredToken")
            || refusal.says(&["token is expired", "token expired"])
        {
            let failure = self.no(Kind::Refused, "by its clock the token has expired");
            let failure = with_clock(failure.detail(refusal.to_string()).detail(facts.token()));
            return Some(
                failure
                    .detail("MinIO allows no difference between two clocks")
                    .next("date -u, here and where the server runs"),
            );
        }
        if let Some(left) = facts.good_in() {
            let seconds = in_words(left.as_secs().unsigned_abs());
            let failure = self.no(
                Kind::Refused,
                &format!("the token is good in {seconds} only, by its clock"),
            );
            return Some(
                with_clock(failure.detail(refusal.to_string()))
                    .next("date -u, here and where the server runs"),
            );
        }
        if facts.claims.is_none() {
            return Some(self.no(Kind::Usage, "what it was given is no token (a JWT)"));
        }
        None
    }

    fn go_on_with_a_token(&self, failure: Failure) -> Failure {
        match self.login.filter(|_| self.token_kind.is_some()) {
            Some(login) => failure.next(format!(
                "{} login --issuer {} --client-id {}",
                self.oidc_login,
                datalab_core::report::quoted_if_needed(&login.issuer),
                datalab_core::report::quoted_if_needed(&login.client_id)
            )),
            None => failure.next("the same command with a token that is still good"),
        }
    }

    /// Duration, policy, role and session name.
    pub(super) fn asked_wrongly(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        if ["MalformedPolicyDocument", "PackedPolicyTooLarge"].contains(&refusal.code())
            || refusal.says(&["session policy"])
        {
            return Some(
                self.no(Kind::Usage, "it does not take the session policy")
                    .detail(refusal.to_string())
                    .next(
                        "the same command with another --policy FILE, or with --bucket NAME alone",
                    ),
            );
        }
        if super::is_duration(refusal, self.seconds) {
            return Some(
                self.no(
                    Kind::Usage,
                    &format!("keys that live {} are not for this role", in_words(self.seconds)),
                )
                .detail(refusal.to_string())
                .detail("servers allow 15 min to 12 h (MinIO 365 d), and roles an hour unless they were raised")
                .next("the same command with --duration max, or --duration 1h"),
            );
        }
        let asks_for_role = refusal.says(&["rolearn", "role arn"]);
        let is_mute = refusal.status.as_u16() == 403 && refusal.message.is_none();
        if self.role_arn.is_none() && (asks_for_role || is_mute || self.is(refusal, Server::Aws)) {
            return Some(
                self.no(Kind::Refused, "it wants to be told a role, and none is")
                    .detail(refusal.to_string())
                    .detail("Ceph, AWS and VersityGW give keys for roles; MinIO does without")
                    .next("the same command with --role-arn ARN")
                    .next(format!(
                        "{} profiles --onyxia URL, for those of a platform",
                        self.name
                    )),
            );
        }
        let unknown_role = refusal.code() == "NoSuchEntity"
            || refusal.says(&[
                "not authorized to perform sts:assumerolewithwebidentity",
                "role does not exist",
                "does not match",
                // MinIO's parameter.
                "rolearn",
            ]);
        if let Some(arn) = self.role_arn.filter(|_| unknown_role) {
            return Some(
                self.no(
                    Kind::Refused,
                    &format!("it has no role {arn}, or the role does not trust this token"),
                )
                .detail(refusal.to_string())
                .detail(facts.token())
                .next(format!("{} profiles", self.name)),
            );
        }
        None
    }

    /// Whom the token is for.
    pub(super) fn audience(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let audiences = facts.list("aud");
        let says_audience = refusal.says(&["aud", "azp", "client id", "client_id"]);
        let is_identity = refusal.code() == "InvalidIdentityToken";
        if audiences.is_empty()
            && !refusal.code().is_empty()
            && (says_audience || self.is(refusal, Server::Minio) || is_identity)
        {
            return Some(
                self.no(
                    Kind::Refused,
                    "Keycloak put no audience (aud) into the token",
                )
                .detail(refusal.to_string())
                .detail("MinIO wants one even where azp fits")
                .detail(self.audience_mapper(facts))
                .next(self.doctor()),
            );
        }
        if !(says_audience || is_identity || refusal.says(&["token verification failed"])) {
            return None;
        }
        let cause = match says_audience {
            true => "the token is not for it",
            false => "it does not accept the token",
        };
        let failure = self
            .no(Kind::Refused, cause)
            .detail(refusal.to_string())
            .detail(facts.token());
        // AWS' word for every token whose provider, client or signature does not fit.
        let failure = match is_identity && !says_audience {
            true => failure.detail(format!(
                "no OpenID Connect provider {} is registered there, its client ids lack {}, or the role trusts other tokens",
                facts.provider(),
                self.client_of(facts)
            )),
            false => failure,
        };
        let failure = failure
            .detail("it wants the client id that it was configured with in aud, some in azp")
            .detail(self.audience_mapper(facts));
        let failure = match self.token_kind {
            Some(TokenKind::Access) => failure.detail(format!(
                "the login's ID token is for {}: --token-kind id passes where the server knows that client",
                self.client_id().unwrap_or("the client that logs in")
            )),
            _ => failure,
        };
        Some(failure.next(self.doctor()))
    }

    fn audience_mapper(&self, facts: &Facts) -> String {
        let client = self.client_of(facts);
        format!(
            "{}: Audience, Included Custom Audience = the server's client id, Add to access token (and to ID token)",
            MAPPERS.replace("CLIENT", client)
        )
    }

    /// The claim that names policies, on servers that decide by it.
    pub(super) fn policy_claim(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let message = refusal.message.as_deref().unwrap_or_default();
        let lower = message.to_lowercase();
        let client = self.client_of(facts);
        if lower.contains("none of the given policies") {
            let policies = ["policy", "policies", "groups"]
                .into_iter()
                .find(|name| !facts.list(name).is_empty())
                .map(|name| facts.list(name).join(", "))
                .unwrap_or_default();
            return Some(
                self.no(Kind::Refused, "it has none of the policies that the token names")
                    .detail(refusal.to_string())
                    .detail(format!("the token names {policies}"))
                    .next(format!("mc admin policy create ALIAS {policies} policy.json, by the store's administrator")),
            );
        }
        let missing = lower.contains("claim missing")
            || lower.contains("no policies are available")
            || lower.contains("policy claim");
        if !missing {
            return None;
        }
        let claim = match self.is(refusal, Server::RustFs) {
            true => "groups",
            false => lower
                .split_once(" claim missing")
                .and_then(|(before, _)| before.split_whitespace().last())
                .filter(|word| facts.text(word).is_none())
                .unwrap_or("policy"),
        };
        Some(
            self.no(Kind::Refused, &format!("the token has no claim {claim}, which names the policies of its user"))
                .detail(refusal.to_string())
                .detail(format!("it has {}", facts.claim_names()))
                .detail(format!(
                    "{}: Hardcoded claim (or User Attribute), Token Claim Name = {claim}, Claim value = a policy of the server's, Add to access token",
                    MAPPERS.replace("CLIENT", client)
                ))
                .next("the same command with --role-arn ARN, where the server has roles"),
        )
    }

    /// The issuer's signing key.
    pub(super) fn key_of_issuer(&self, facts: &Facts, refusal: &Refusal) -> Option<Failure> {
        let unknown = refusal.says(&[
            "no public key found",
            "public key",
            "kid",
            "signature",
            "could not be validated",
        ]);
        if !unknown {
            return None;
        }
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
        Some(failure.next(self.doctor()))
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
        Some(
            self.no(Kind::Refused, "it refuses without a reason, as Ceph does; these are left, most likely first")
                .detail(refusal.to_string())
                .detail(facts.token())
                .detail(format!("the role's trust policy has another condition than this token meets (radosgw-admin role get --role-name={role})"))
                .detail(format!("there is no role {}", self.role_arn.unwrap_or_default()))
                .detail(format!("no OpenID Connect provider {provider} is registered, or its client ids lack {party}"))
                .detail(format!("the gateway cannot reach {issuer}, or does not trust its certificate (rgw verify ssl)"))
                .detail("Ceph before Squid: the first key of the issuer's JWKS is one for encryption; give the signing key a higher priority")
                .next(self.doctor()),
        )
    }

    fn is(&self, refusal: &Refusal, server: Server) -> bool {
        self.server == Some(server) || refusal.server == server
    }

    fn issuer(&self) -> &str {
        self.login.map_or("ISSUER", |login| login.issuer.as_str())
    }

    /// The client that the token was issued to, whose mappers decide what it says.
    fn client_of<'f>(&'f self, facts: &'f Facts) -> &'f str {
        let party = facts.text("azp").or_else(|| self.client_id());
        party.unwrap_or("CLIENT")
    }

    fn client_id(&self) -> Option<&str> {
        self.login.map(|login| login.client_id.as_str())
    }
}
