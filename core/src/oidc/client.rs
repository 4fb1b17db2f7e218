use jiff::Timestamp;
use openidconnect::{
    AuthType, AuthUrl, ClientId, ClientSecret, DeviceAuthorizationUrl, EmptyAdditionalClaims,
    EndpointNotSet, EndpointSet, IssuerUrl, Nonce, RefreshToken, RevocationUrl, Scope,
    StandardErrorResponse, TokenUrl,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    },
    url::{Url, form_urlencoded},
};

use super::{
    Error, Provider, Registration, Tokens,
    answers::{Asked, Relay, token_error},
    tokens::{self, Expected, Response, Trouble, bad},
};
use crate::{
    http::{self, Patience},
    words::Secret,
    world::Clock,
};

pub(super) type Protocol<Device = EndpointNotSet, Revocation = EndpointNotSet> =
    openidconnect::Client<
        EmptyAdditionalClaims,
        CoreAuthDisplay,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJsonWebKey,
        CoreAuthPrompt,
        StandardErrorResponse<CoreErrorResponseType>,
        Response,
        CoreTokenIntrospectionResponse,
        CoreRevocableToken,
        CoreRevocationErrorResponse,
        EndpointSet,
        Device,
        EndpointNotSet,
        Revocation,
        EndpointSet,
        EndpointNotSet,
    >;

/// What a refresh brought: the next refresh token is worth keeping whatever the rest is like.
#[derive(Debug)]
pub(super) struct Refreshed {
    pub(super) refresh_token: Option<Secret<String>>,
    pub(super) tokens: Result<Tokens, Error>,
}

/// A client of one provider. A public one has no secret, only proof of possession of its own
/// request; so has one that was given a secret.
#[derive(Debug)]
pub struct Client<'a> {
    pub(super) http: &'a http::Client,
    pub(super) clock: Clock,
    provider: Provider,
    id: ClientId,
    pub(super) registration: Registration,
    secret: Option<Secret<String>>,
    /// Whether the secret was sent in both ways.
    sent_both_ways: bool,
    provider_changed: bool,
}

impl<'a> Client<'a> {
    /// The client of this id, registered so.
    ///
    /// # Errors
    /// [`Error::ClientSecret`].
    pub fn new(
        http: &'a http::Client,
        provider: Provider,
        id: &str,
        registration: Registration,
        clock: Clock,
    ) -> Result<Self, Error> {
        Ok(Self {
            http,
            clock,
            provider,
            id: ClientId::new(id.to_owned()),
            secret: registration.client_secret()?,
            registration,
            sent_both_ways: false,
            provider_changed: false,
        })
    }

    /// What the provider says of itself.
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Whether more is known of the provider, so that what is kept of it is out of date.
    pub(super) fn provider_changed(&self) -> bool {
        self.provider_changed
    }

    /// Sends the client's secret in the form, if that can be: some issuers, as Dex, look for a device's
    /// client nowhere else.
    pub(super) fn prefers_form(&mut self) {
        let takes = self.provider.lists(&CoreClientAuthMethod::ClientSecretPost);
        if self.secret.is_some() && takes && !self.provider.takes_secret_in_form {
            self.provider.takes_secret_in_form = true;
            self.provider_changed = true;
        }
    }

    /// Whether, after this error, the client's secret is to be sent in the other way: many issuers
    /// list both, and take only the one that the client is registered with.
    pub(super) fn sends_secret_otherwise(&mut self, error: &Error) -> bool {
        let refused = matches!(error, Error::Refused { code, .. } if code == "invalid_client");
        if !refused || self.secret.is_none() || self.sent_both_ways {
            return false;
        }
        self.sent_both_ways = true;
        self.provider.takes_secret_in_form = !self.provider.takes_secret_in_form;
        self.provider_changed = true;
        true
    }

    /// The library's client.
    pub(super) fn protocol(&self) -> Result<Protocol, Error> {
        let not_offered = |what| Error::NotOffered {
            issuer: self.provider.issuer().to_owned(),
            what,
        };
        let metadata = &self.provider.metadata;
        let token = metadata
            .token_endpoint()
            .cloned()
            .ok_or_else(|| not_offered("a token endpoint"))?;
        let token: TokenUrl = token;
        let authorization: AuthUrl = metadata.authorization_endpoint().clone();
        let issuer: IssuerUrl = metadata.issuer().clone();
        let mut protocol =
            openidconnect::Client::new(self.id.clone(), issuer, self.provider.keys.clone());
        if let Some(secret) = &self.secret {
            let secret = ClientSecret::new(secret.expose().clone());
            protocol = protocol.set_client_secret(secret).set_auth_type(
                match self.provider.takes_secret_in_form {
                    true => AuthType::RequestBody,
                    false => AuthType::BasicAuth,
                },
            );
        }
        Ok(protocol.set_auth_uri(authorization).set_token_uri(token))
    }

    /// The library's client, for a code that is entered elsewhere.
    pub(super) fn device_protocol(&self) -> Result<Protocol<EndpointSet>, Error> {
        let endpoint = self
            .provider
            .additional()
            .device_authorization_endpoint
            .clone();
        let endpoint = endpoint
            .and_then(|url| DeviceAuthorizationUrl::new(url).ok())
            .ok_or_else(|| Error::NotOffered {
                issuer: self.provider.issuer().to_owned(),
                what: "codes for other devices (RFC 8628)",
            })?;
        Ok(self.protocol()?.set_device_authorization_url(endpoint))
    }

    /// Checks an answer, with keys asked for anew if it was signed with one that is not known.
    pub(super) async fn checked(
        &mut self,
        response: &Response,
        nonce: Option<&Nonce>,
        received: Timestamp,
        skew: jiff::SignedDuration,
    ) -> Result<Tokens, Error> {
        let id = self.id.clone();
        let expected = Expected {
            client_id: &id,
            nonce,
            received,
            skew,
        };
        match tokens::check(response, &self.provider, expected) {
            Ok(tokens) => return Ok(tokens),
            Err(Trouble::Other(error)) => return Err(error),
            Err(Trouble::UnknownKey) => {}
        }
        self.provider.fetch_keys(self.http).await?;
        self.provider_changed = true;
        tokens::check(response, &self.provider, expected).map_err(|trouble| match trouble {
            Trouble::Other(error) => error,
            Trouble::UnknownKey => bad("it is signed with a key that is none of the issuer's"),
        })
    }

    /// Trades a refresh token for new tokens, with the same scopes, or with fewer.
    ///
    /// `openid` is always among them: without it some providers send no ID token. `None` names no
    /// scopes, which stands for those that were granted (RFC 6749, section 6).
    pub(super) async fn refresh(
        &mut self,
        refresh_token: &Secret<String>,
        scopes: Option<&[String]>,
        patience: Patience,
    ) -> Result<Refreshed, Error> {
        const WHAT: &str = "a refresh";
        let token = RefreshToken::new(refresh_token.expose().clone());
        let asked = Asked::new(self.http, patience, WHAT);
        let (response, received, skew) = loop {
            let relay = Relay::new(&asked);
            let named = scopes.map(|scopes| {
                let beside = scopes.iter().map(String::as_str);
                std::iter::once("openid").chain(beside.filter(|scope| *scope != "openid"))
            });
            let named = named.into_iter().flatten();
            let answer = self
                .protocol()?
                .exchange_refresh_token(&token)
                .add_scopes(named.map(|scope| Scope::new(scope.to_owned())))
                .request_async(&|request| relay.call(request))
                .await;
            let received = self.clock.now();
            let seen = relay.seen();
            match answer.map_err(|error| token_error(WHAT, error, seen.error)) {
                Err(error) if self.sends_secret_otherwise(&error) => {}
                answer => break (answer?, received, seen.skew),
            }
        };
        Ok(Refreshed {
            refresh_token: tokens::refresh_token(&response),
            tokens: self.checked(&response, None, received, skew).await,
        })
    }

    /// Makes a refresh token worthless at the provider (RFC 7009).
    ///
    /// # Errors
    /// [`Error`]: it may still be good.
    pub(super) async fn revoke(&self, refresh_token: &Secret<String>) -> Result<(), Error> {
        const WHAT: &str = "the revocation";
        let endpoint = self.provider.additional().revocation_endpoint.clone();
        let endpoint = endpoint
            .and_then(|url| RevocationUrl::new(url).ok())
            .ok_or_else(|| Error::NotOffered {
                issuer: self.provider.issuer().to_owned(),
                what: "revocation (RFC 7009)",
            })?;
        let protocol = self.protocol()?.set_revocation_url(endpoint);
        let token = RefreshToken::new(refresh_token.expose().clone());
        let asked = Asked::new(self.http, Patience::BRIEF, WHAT);
        let relay = Relay::new(&asked);
        let request = protocol
            .revoke_token(CoreRevocableToken::RefreshToken(token))
            .map_err(|error| Error::BadAnswer {
                what: WHAT,
                reason: error.to_string(),
            })?;
        let answer = request.request_async(&|request| relay.call(request)).await;
        answer.map_err(|error| token_error(WHAT, error, relay.seen().error))
    }

    /// Ends the whole login at the provider, for every application: POST to the end-session
    /// endpoint, so that no token stands in a URL.
    ///
    /// <https://openid.net/specs/openid-connect-rpinitiated-1_0.html>; Keycloak ends the session at
    /// once for the sake of the refresh token. Others answer with a page for the person whose
    /// browser has the login, or with nothing of use.
    ///
    /// # Errors
    /// [`Error`]: the login is still there; [`Error::LogoutByHand`] says where it can be ended.
    pub(super) async fn end_session(
        &self,
        id_token: &Secret<String>,
        refresh_token: Option<&Secret<String>>,
    ) -> Result<(), Error> {
        const WHAT: &str = "the logout";
        let endpoint = self
            .provider
            .additional()
            .end_session_endpoint
            .as_deref()
            .ok_or_else(|| Error::NotOffered {
                issuer: self.provider.issuer().to_owned(),
                what: "a logout endpoint",
            })?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("client_id", self.id.as_str())
            .append_pair("id_token_hint", id_token.expose());
        if let Some(token) = refresh_token {
            form.append_pair("refresh_token", token.expose());
        }
        let bad = |reason: String| Error::BadAnswer { what: WHAT, reason };
        let request = ::http::Request::post(endpoint)
            .header(
                ::http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .body(form.finish().into_bytes())
            .map_err(|error| bad(error.to_string()))?;
        let asked = Asked::new(self.http, Patience::BRIEF, WHAT);
        match asked.ask(request).await {
            Ok(answer) if answer.is_success() && !answer.is_html() => Ok(()),
            Ok(_) | Err(Error::Http(http::Error::Redirected { .. })) => {
                Err(self.logout_by_hand(endpoint))
            }
            Err(error) => Err(error),
        }
    }

    /// Where a browser ends its login: nothing in the address is a token.
    fn logout_by_hand(&self, endpoint: &str) -> Error {
        let page = Url::parse(endpoint).map(|mut url| {
            url.query_pairs_mut()
                .append_pair("client_id", self.id.as_str());
            url.to_string()
        });
        Error::LogoutByHand {
            url: page.unwrap_or_else(|_| endpoint.to_owned()),
        }
    }
}
