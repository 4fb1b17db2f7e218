//! A login in the browser: authorization code with PKCE, answered to a port of this machine.

use std::time::Duration;

use openidconnect::{
    AuthenticationFlow, CsrfToken, LoginHint, Nonce, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, Scope, core::CoreResponseType, url::Url,
};

use super::{
    Client, Error, Tokens,
    answers::{Asked, Relay, token_error},
    callback::{self, Expectation},
};
use crate::{
    http::Patience,
    world::{LocalListener, World},
};

/// How the login page is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish<'a> {
    pub(super) scopes: &'a [String],
    /// Whom the page proposes.
    pub(super) login_hint: Option<&'a str>,
    /// Whether a password is asked for although the browser is logged in.
    pub(super) anew: bool,
}

/// A login whose page is known, and that waits for the browser to come back.
#[derive(Debug)]
pub(super) struct Begun {
    url: Url,
    redirect: RedirectUrl,
    state: CsrfToken,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    listener: LocalListener,
}

impl Begun {
    /// Takes a port first, and then makes the page's address, which names it.
    pub(super) async fn new(
        client: &Client<'_>,
        wish: Wish<'_>,
        world: &World,
    ) -> Result<Self, Error> {
        let no_way = |reason: String| Error::NoWay {
            way: "browser",
            reason,
        };
        let registered = client.registration.redirect();
        let listening = world.listen_locally(registered.port()).await;
        let listener = listening.map_err(|error| {
            no_way(match registered.port() {
                None => format!("no port on 127.0.0.1: {error}"),
                Some(port) => format!("port {port}, which the redirect URL names: {error}"),
            })
        })?;
        let redirect = RedirectUrl::new(registered.at(listener.port()))
            .map_err(|error| no_way(error.to_string()))?;
        let protocol = client.protocol()?.set_redirect_uri(redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = protocol
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(wish.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        if let Some(hint) = wish.login_hint {
            request = request.set_login_hint(LoginHint::new(hint.to_owned()));
        }
        for (name, value) in client.registration.parameters(wish.anew) {
            request = request.add_extra_param(name, value);
        }
        let (url, state, nonce) = request.url();
        Ok(Self {
            url,
            redirect,
            state,
            nonce,
            verifier,
            listener,
        })
    }

    /// The page to open.
    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Waits for the browser, and trades the code that it brings.
    pub(super) async fn finish(
        self,
        client: &mut Client<'_>,
        limit: Duration,
    ) -> Result<Tokens, Error> {
        const WHAT: &str = "the code";
        let provider = client.provider();
        let expectation = Expectation {
            state: self.state.secret().clone(),
            issuer: provider.issuer().to_owned(),
            issuer_required: provider
                .additional()
                .authorization_response_iss_parameter_supported,
            redirect: client.registration.redirect(),
            port: self.listener.port(),
        };
        let waited = tokio::time::timeout(limit, callback::receive(&self.listener, expectation));
        let code = waited.await.map_err(|_| Error::NotFinished {
            seconds: limit.as_secs(),
            in_browser: true,
        })??;
        drop(self.listener);
        // A code is good once: a second attempt would end the session that the first one made.
        let asked = Asked::new(client.http, Patience::NONE, WHAT);
        let (response, received, skew) = loop {
            let relay = Relay::new(&asked);
            let answer = client
                .protocol()?
                .set_redirect_uri(self.redirect.clone())
                .exchange_code(code.clone())
                .set_pkce_verifier(PkceCodeVerifier::new(self.verifier.secret().clone()))
                .request_async(&|request| relay.call(request))
                .await;
            let received = client.clock.now();
            let seen = relay.seen();
            match answer.map_err(|error| token_error(WHAT, error, seen.error)) {
                // Who is not let in has not used the code.
                Err(error) if client.sends_secret_otherwise(&error) => {}
                answer => break (answer?, received, seen.skew),
            }
        };
        client
            .checked(&response, Some(&self.nonce), received, skew)
            .await
    }
}
