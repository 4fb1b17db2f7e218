//! A login on another device: RFC 8628, with PKCE, which Keycloak wants where it wants it at all.

use std::time::Duration;

use openidconnect::{
    PkceCodeChallenge, PkceCodeVerifier, Scope, core::CoreDeviceAuthorizationResponse,
};

use super::{
    Client, Error, Tokens,
    answers::{Asked, Relay, token_error},
};
use crate::http::Patience;

/// What a person enters on another device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// The page.
    pub page: String,
    /// The page with the code in it, where the provider has one.
    pub page_with_code: Option<String>,
    /// The code.
    pub code: String,
    /// For how long it is good.
    pub lifetime: Duration,
}

/// A login whose code is known, and that waits for somebody to enter it.
#[derive(Debug)]
pub(super) struct Begun {
    response: CoreDeviceAuthorizationResponse,
    verifier: PkceCodeVerifier,
}

impl Begun {
    pub(super) async fn new(client: &mut Client<'_>, scopes: &[String]) -> Result<Self, Error> {
        const WHAT: &str = "a code for another device";
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let asked = Asked::new(client.http, Patience::USUAL, WHAT);
        client.prefers_form();
        let response = loop {
            let relay = Relay::new(&asked);
            let answer = client
                .device_protocol()?
                .exchange_device_code()
                .add_scopes(scopes.iter().cloned().map(Scope::new))
                .add_extra_param("code_challenge", challenge.as_str())
                .add_extra_param("code_challenge_method", challenge.method().as_str())
                .request_async(&|request| relay.call(request))
                .await;
            match answer.map_err(|error| token_error(WHAT, error, relay.seen().error)) {
                Err(error) if client.sends_secret_otherwise(&error) => {}
                answer => break answer?,
            }
        };
        Ok(Self { response, verifier })
    }

    pub(super) fn code(&self) -> DeviceCode {
        DeviceCode {
            page: self.response.verification_uri().to_string(),
            page_with_code: self
                .response
                .verification_uri_complete()
                .map(|uri| uri.secret().clone()),
            code: self.response.user_code().secret().clone(),
            lifetime: self.response.expires_in(),
        }
    }

    /// Asks, as often as the provider allows, whether somebody has entered the code.
    pub(super) async fn finish(
        self,
        client: &mut Client<'_>,
        limit: Duration,
    ) -> Result<Tokens, Error> {
        const WHAT: &str = "the login on another device";
        let protocol = client.device_protocol()?;
        let asked = Asked::new(client.http, Patience::NONE, WHAT);
        let relay = Relay::new(&asked);
        let begun = tokio::time::Instant::now();
        let end = limit.min(self.response.expires_in());
        let is_over = || match begun.elapsed() >= limit {
            true => Error::NotFinished {
                seconds: limit.as_secs(),
                in_browser: false,
            },
            false => Error::CodeExpired,
        };
        let poll = |request| relay.poll(request);
        let polls = protocol
            .exchange_device_access_token(&self.response)
            .add_extra_param("code_verifier", self.verifier.secret().as_str())
            .request_async(&poll, tokio::time::sleep, Some(end));
        // The library looks at the time between two sleeps only, and the provider says how long one is.
        let answer = tokio::time::timeout(end, polls)
            .await
            .map_err(|_| is_over())?;
        let received = client.clock.now();
        let seen = relay.seen();
        let response = answer.map_err(|error| match token_error(WHAT, error, seen.error) {
            Error::Refused { code, .. } if code == "expired_token" => {
                // The library says the same of its own limit.
                is_over()
            }
            Error::Refused {
                code, description, ..
            } if code == "access_denied" => Error::Denied {
                reason: description.unwrap_or(code),
            },
            error => error,
        })?;
        client.checked(&response, None, received, seen.skew).await
    }
}
