//! A client made of nothing but requests.

use data_encoding::BASE64URL_NOPAD;
use datalab_lab::identity_provider::{Browser, IdentityProvider, Options, Page, encode};
use ring::digest::{SHA256, digest};
use serde_json::Value;

/// A verifier, as good as any.
pub(crate) const VERIFIER: &str = "0123456789-0123456789-0123456789-0123456789";

/// As long as a state has to be.
pub(crate) const STATE: &str = "a-state-of-at-least-128-bits";

/// Where the client would listen.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:40001/callback";

pub(crate) struct Visitor {
    pub(crate) provider: IdentityProvider,
    browser: Browser,
}

impl Visitor {
    pub(crate) fn new() -> Self {
        Self::of(Options::default())
    }

    pub(crate) fn of(options: Options) -> Self {
        let provider = IdentityProvider::start(options).unwrap();
        let browser = provider.browser();
        Self { provider, browser }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.provider.issuer())
    }

    pub(crate) fn get(&self, path: &str) -> std::io::Result<Page> {
        self.browser.get(&self.url(path))
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> std::io::Result<Page> {
        let body = form
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect::<Vec<_>>()
            .join("&");
        self.post_as("application/x-www-form-urlencoded", path, &body)
    }

    pub(crate) fn post_as(&self, kind: &str, path: &str, body: &str) -> std::io::Result<Page> {
        let url = self.url(path);
        let target = url.splitn(4, '/').nth(3).unwrap();
        let request = format!(
            "POST /{target} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.browser.send(&url, &request)
    }

    pub(crate) fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let page = self.post("/protocol/openid-connect/token", form).unwrap();
        (page.code, serde_json::from_str(&page.body).unwrap())
    }

    /// What the login page sends the browser to.
    pub(crate) fn authorize(&self, more: &[(&str, &str)]) -> Page {
        let challenge = challenge();
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", "kubernetes"),
            ("redirect_uri", REDIRECT),
            ("scope", "openid"),
            ("state", STATE),
            ("nonce", "a-nonce-of-at-least-128-bits"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in more {
            parameters.retain(|(other, _)| other != name);
            parameters.push((name, value));
        }
        let query = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect::<Vec<_>>()
            .join("&");
        self.get(&format!("/protocol/openid-connect/auth?{query}"))
            .unwrap()
    }

    pub(crate) fn code(&self) -> String {
        let location = self.authorize(&[]).header("location").unwrap().to_owned();
        location.rsplit_once("code=").unwrap().1.to_owned()
    }

    pub(crate) fn redeem(&self, code: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", "kubernetes"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ])
    }

    pub(crate) fn refresh(&self, token: &str) -> (u16, Value) {
        self.token(&[
            ("grant_type", "refresh_token"),
            ("client_id", "kubernetes"),
            ("refresh_token", token),
            ("scope", "openid"),
        ])
    }

    /// A refresh token, after a login by code.
    pub(crate) fn logged_in(&self) -> String {
        let (code, tokens) = self.redeem(&self.code());
        assert_eq!(code, 200, "{tokens}");
        tokens["refresh_token"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn challenge() -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, VERIFIER.as_bytes()).as_ref())
}

/// Error and description.
#[track_caller]
pub(crate) fn assert_error(answer: (u16, Value), code: u16, error: &str, description: &str) {
    let (status, body) = answer;
    let said = (
        status,
        body["error"].as_str().unwrap_or_default(),
        body["error_description"].as_str().unwrap_or_default(),
    );
    assert_eq!(said, (code, error, description));
}

/// The claims of a token, unchecked.
pub(crate) fn claims(token: &Value) -> Value {
    part(token, 1)
}

/// The header of a token.
pub(crate) fn header(token: &Value) -> Value {
    part(token, 0)
}

fn part(token: &Value, index: usize) -> Value {
    let part = token.as_str().unwrap().split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}
