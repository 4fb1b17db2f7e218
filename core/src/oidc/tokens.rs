use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AccessTokenHash, Audience, ClaimsVerificationError, ClientId, EmptyAdditionalClaims,
    ExtraTokenFields, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    SignatureVerificationError, StandardTokenResponse, TokenResponse as _,
    core::{
        CoreGenderClaim, CoreIdToken, CoreIdTokenVerifier, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};

use super::{Claims, Error, Provider, provider::Keys};
use crate::words::Secret;

/// What the protocol does not have, and Keycloak sends.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Extra {
    /// When the session ends for want of use, in seconds; 0 for an offline session without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_expires_in: Option<u64>,
}

impl ExtraTokenFields for Extra {}

pub(super) type Response = StandardTokenResponse<
    IdTokenFields<
        EmptyAdditionalClaims,
        Extra,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

/// How far apart two honest clocks may be that were just compared.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What signs a token: asymmetric keys only. A public client has no secret for HS256, and `none`
/// is a forgery.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Tokens of one login or refresh, checked.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Who logged in, signed: what the API server is shown.
    pub id_token: Secret<String>,
    /// For other services of the same provider.
    pub access_token: Secret<String>,
    /// For the next refresh; `None` when the provider means the old one to be used on.
    pub refresh_token: Option<Secret<String>>,
    /// What the ID token says.
    pub claims: Claims,
    /// Until when the ID token holds, by this machine's clock.
    pub expires: Timestamp,
    /// Until when the access token holds, by this machine's clock.
    pub access_expires: Timestamp,
    /// When the session ends unless it is used, by this machine's clock; `None` when the provider
    /// does not tell, or it has no end.
    pub session_ends: Option<Timestamp>,
    /// How far the provider's clock is ahead.
    pub skew: SignedDuration,
}

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) client_id: &'a ClientId,
    /// `None` on a refresh, which has none.
    pub(super) nonce: Option<&'a Nonce>,
    /// When the answer came, by this machine's clock.
    pub(super) received: Timestamp,
    pub(super) skew: SignedDuration,
}

/// An answer whose ID token was signed with a key that is not known (yet).
#[derive(Debug)]
pub(super) enum Trouble {
    UnknownKey,
    Other(Error),
}

pub(super) fn bad(reason: impl Into<String>) -> Error {
    Error::Token {
        reason: reason.into(),
    }
}

/// Checks an answer: OpenID Connect Core section 3.1.3.7, all of it.
pub(super) fn check(
    response: &Response,
    provider: &Provider,
    expected: Expected<'_>,
) -> Result<Tokens, Trouble> {
    let other = |reason: &str| Trouble::Other(bad(reason));
    let id_token = response
        .id_token()
        .ok_or(Trouble::Other(Error::NoIdToken))?;
    let raw = id_token.to_string();
    verify(
        id_token,
        &provider.keys,
        provider.issuer(),
        expected,
        response,
    )?;
    let claims = Claims::unchecked(&raw).ok_or_else(|| other("it is not a JWT"))?;
    authorized_party(&claims, expected.client_id).map_err(Trouble::Other)?;
    let expires = claims
        .expires()
        .ok_or_else(|| other("it has no time of expiry"))?;
    let in_seconds = |seconds: u64| {
        let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        expected.received.checked_add(seconds).ok()
    };
    let expires = expires - expected.skew;
    let access_expires = response
        .expires_in()
        .and_then(|span| in_seconds(span.as_secs()))
        .unwrap_or(expires);
    Ok(Tokens {
        id_token: Secret::new(raw),
        access_token: Secret::new(response.access_token().secret().clone()),
        refresh_token: refresh_token(response),
        claims,
        expires,
        access_expires,
        session_ends: response
            .extra_fields()
            .extra_fields()
            .refresh_expires_in
            .filter(|&seconds| seconds > 0)
            .and_then(in_seconds),
        skew: expected.skew,
    })
}

/// The refresh token, which rotation makes the only good one.
pub(super) fn refresh_token(response: &Response) -> Option<Secret<String>> {
    response
        .refresh_token()
        .map(|token| Secret::new(token.secret().clone()))
        .filter(|token| !token.expose().is_empty())
}

fn verify(
    id_token: &CoreIdToken,
    keys: &Keys,
    issuer: &str,
    expected: Expected<'_>,
    response: &Response,
) -> Result<(), Trouble> {
    let issuer = IssuerUrl::new(issuer.to_owned())
        .map_err(|_| Trouble::Other(bad("its issuer is not a URL")))?;
    // The issuer's own time, and what two clocks may differ beside that.
    let now = expected.received + expected.skew;
    let earliest = std::time::SystemTime::from(now - LEEWAY);
    let latest = (now + LEEWAY).as_second();
    let verifier =
        CoreIdTokenVerifier::new_public_client(expected.client_id.clone(), issuer, keys.clone())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || earliest.into())
            .set_issue_time_verifier_fn(move |issued| match issued.timestamp() > latest {
                true => Err(format!("it was issued in the future ({issued})")),
                false => Ok(()),
            })
            // Others may be meant too; authorized_party() sees to it that it was issued to us.
            .set_other_audience_verifier_fn(|_: &Audience| true);
    let algorithm = Claims::header(&id_token.to_string())
        .and_then(|header| Some(header.get("alg")?.as_str()?.to_owned()));
    let checked = match expected.nonce {
        Some(nonce) => id_token.claims(&verifier, nonce),
        None => id_token.claims(&verifier, |_: Option<&Nonce>| Ok(())),
    };
    let claims = checked.map_err(|error| match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        ) => Trouble::UnknownKey,
        // The library lists what is allowed, in an order of the moment.
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::DisallowedAlg(_),
        ) => Trouble::Other(bad(not_taken(
            algorithm.as_deref().unwrap_or("nothing known"),
        ))),
        // Also what was issued in the future: the text says which.
        ClaimsVerificationError::Expired(reason) => Trouble::Other(bad(format!(
            "{reason}; if that is wrong, compare this machine's clock with the issuer's"
        ))),
        error => Trouble::Other(bad(with_causes(&error))),
    })?;
    let Some(stated) = claims.access_token_hash() else {
        return Ok(());
    };
    let hash = id_token
        .signing_alg()
        .ok()
        .zip(id_token.signing_key(&verifier).ok())
        .and_then(|(algorithm, key)| {
            AccessTokenHash::from_token(response.access_token(), algorithm, key).ok()
        });
    match hash.as_ref() == Some(stated) {
        true => Ok(()),
        false => Err(Trouble::Other(bad(
            "its access token is another one (at_hash)",
        ))),
    }
}

/// Why a signature is not taken: it is nobody's, or none of those that are known here.
fn not_taken(algorithm: &str) -> String {
    let asymmetric = ["RS", "PS", "ES", "Ed"];
    match asymmetric.iter().any(|kind| algorithm.starts_with(kind)) {
        true => format!(
            "it is signed by {algorithm}, which cannot be checked here; the issuer's client can be \
             set to another algorithm"
        ),
        false => {
            format!("it is signed by {algorithm}, which proves nothing about the issuer")
        }
    }
}

/// Whom it was issued to: us, where it says so, and it must where it is for several.
fn authorized_party(claims: &Claims, client_id: &ClientId) -> Result<(), Error> {
    match claims.text("azp") {
        Some(party) if party == client_id.as_str() => Ok(()),
        Some(party) => Err(bad(format!("it was issued to {party} (azp)"))),
        None if claims.audiences().len() > 1 => Err(bad("it is for several, and to none (azp)")),
        None => Ok(()),
    }
}

/// An error with all that caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(current) = source {
        text = format!("{text}: {current}");
        source = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_checked_is_told_from_what_proves_nothing() {
        for algorithm in ["ES512", "Ed448", "RS1"] {
            assert!(not_taken(algorithm).contains("cannot be checked"));
        }
        for algorithm in ["none", "HS256", "nothing known"] {
            assert!(not_taken(algorithm).contains("proves nothing"));
        }
    }
}
