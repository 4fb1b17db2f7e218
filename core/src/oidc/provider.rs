use openidconnect::{
    AdditionalProviderMetadata, IssuerUrl, JsonWebKeySet, ProviderMetadata,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
        CoreResponseMode, CoreResponseType, CoreSubjectIdentifierType,
    },
};
use serde::{Deserialize, Serialize};

use super::{Error, answers::Asked};
use crate::http::{self, Patience};

/// What OpenID Connect's own metadata lacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Additional {
    /// RFC 7009.
    pub(super) revocation_endpoint: Option<String>,
    /// OpenID Connect RP-Initiated Logout 1.0.
    pub(super) end_session_endpoint: Option<String>,
    /// RFC 8628.
    pub(super) device_authorization_endpoint: Option<String>,
    /// RFC 7636.
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
    /// RFC 9207.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Additional {}

pub(super) type Metadata = ProviderMetadata<
    Additional,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

pub(super) type Keys = JsonWebKeySet<CoreJsonWebKey>;

/// What an issuer says of itself, and the keys that it signs with.
///
/// <https://openid.net/specs/openid-connect-discovery-1_0.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    pub(super) metadata: Metadata,
    pub(super) keys: Keys,
    /// Whether a client's secret stands in the form, and not in a header (RFC 6749, section 2.3.1).
    #[serde(default)]
    pub(super) takes_secret_in_form: bool,
}

/// Where an issuer's document lies.
///
/// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest>
pub fn discovery_url(issuer: &str) -> String {
    let issuer = issuer.trim_end_matches('/');
    format!("{issuer}/.well-known/openid-configuration")
}

impl Provider {
    /// Asks the issuer.
    ///
    /// # Errors
    /// [`Error`]: it cannot be asked, is no provider, calls itself otherwise, or lacks what every
    /// login needs.
    pub async fn discover(issuer: &str, http: &http::Client) -> Result<Self, Error> {
        let asked = Asked::new(http, Patience::USUAL, "discovery");
        let url = discovery_url(issuer);
        let not_a_provider = |reason: String| Error::NotAProvider {
            issuer: issuer.to_owned(),
            reason,
        };
        IssuerUrl::new(issuer.to_owned())
            .map_err(|error| not_a_provider(format!("its URL is none ({error})")))?;
        let answer = asked.ask(get(&url, issuer)?).await?;
        if !answer.is_success() {
            return Err(not_a_provider(format!("HTTP {} for {url}", answer.status)));
        }
        let says: serde_json::Value = answer
            .json()
            .map_err(|_| not_a_provider(format!("{url} is not JSON")))?;
        match says.get("issuer").and_then(serde_json::Value::as_str) {
            None => return Err(not_a_provider(format!("{url} names no issuer"))),
            Some(says) if says != issuer => {
                return Err(Error::OtherIssuer {
                    issuer: issuer.to_owned(),
                    says: says.to_owned(),
                });
            }
            Some(_) => {}
        }
        let metadata: Metadata = answer
            .json()
            .map_err(|error| not_a_provider(error.to_string()))?;
        check(issuer, &metadata)?;
        let keys = keys(&metadata, issuer, http).await?;
        let mut provider = Self {
            metadata,
            keys,
            takes_secret_in_form: false,
        };
        provider.takes_secret_in_form = provider.lists(&CoreClientAuthMethod::ClientSecretPost)
            && !provider.lists(&CoreClientAuthMethod::ClientSecretBasic);
        Ok(provider)
    }

    /// Asks for the keys once more: a token was signed with one that is not known.
    pub(super) async fn fetch_keys(&mut self, http: &http::Client) -> Result<(), Error> {
        let issuer = self.issuer().to_owned();
        self.keys = keys(&self.metadata, &issuer, http).await?;
        Ok(())
    }

    /// Whether it says that a client may prove itself so.
    pub(super) fn lists(&self, method: &CoreClientAuthMethod) -> bool {
        let methods = self.metadata.token_endpoint_auth_methods_supported();
        methods.is_some_and(|methods| methods.contains(method))
    }

    /// The issuer's URL.
    pub fn issuer(&self) -> &str {
        self.metadata.issuer().as_str()
    }

    /// The ids of the keys that tokens are signed with.
    pub fn key_ids(&self) -> Vec<&str> {
        use openidconnect::JsonWebKey as _;
        let ids = self.keys.keys().iter();
        ids.filter_map(|key| key.key_id().map(|id| id.as_str()))
            .collect()
    }

    /// Whether a code can be entered on another device (RFC 8628).
    pub fn has_device_flow(&self) -> bool {
        self.additional().device_authorization_endpoint.is_some()
    }

    pub(super) fn additional(&self) -> &Additional {
        self.metadata.additional_metadata()
    }
}

/// What every login needs; all that may be asked must be https.
fn check(issuer: &str, metadata: &Metadata) -> Result<(), Error> {
    let not_offered = |what| Error::NotOffered {
        issuer: issuer.to_owned(),
        what,
    };
    let additional = metadata.additional_metadata();
    let endpoints = [
        Some(metadata.authorization_endpoint().as_str()),
        metadata.token_endpoint().map(|url| url.as_str()),
        Some(metadata.jwks_uri().as_str()),
        additional.revocation_endpoint.as_deref(),
        additional.end_session_endpoint.as_deref(),
        additional.device_authorization_endpoint.as_deref(),
    ];
    if endpoints
        .into_iter()
        .flatten()
        .any(|url| !url.starts_with("https://"))
    {
        return Err(not_offered("all of its endpoints over https"));
    }
    if metadata.token_endpoint().is_none() {
        return Err(not_offered("a token endpoint"));
    }
    // Silence is no "no": many providers do not list what they can.
    match &additional.code_challenge_methods_supported {
        Some(methods) if !methods.iter().any(|method| method == "S256") => {
            Err(not_offered("PKCE with S256"))
        }
        _ => Ok(()),
    }
}

const KEYS: &str = "the request for its keys";

async fn keys(metadata: &Metadata, issuer: &str, http: &http::Client) -> Result<Keys, Error> {
    let asked = Asked::new(http, Patience::USUAL, KEYS);
    let answer = asked
        .ask(get(metadata.jwks_uri().as_str(), issuer)?)
        .await?;
    let bad = |reason: String| Error::BadAnswer { what: KEYS, reason };
    if !answer.is_success() {
        return Err(bad(format!("HTTP {}", answer.status)));
    }
    answer
        .json()
        .map_err(|_| bad("it is not a set of keys".to_owned()))
}

fn get(url: &str, issuer: &str) -> Result<http::Request, Error> {
    http::get(url).map_err(|_| Error::NotAProvider {
        issuer: issuer.to_owned(),
        reason: format!("{url} is not a URL"),
    })
}
