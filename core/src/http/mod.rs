//! The suite's HTTP client: for identity providers, object storage, the platform's own pages.
//!
//! - [`Client`] sends a request once; [`Client::send_patiently`] again when that cannot hurt.
//! - [`get`] and [`post_json`] make requests.
//! - [`Answer`] is the whole answer, never longer than [`LIMIT`].
//! - [`Error`] says what came between.
//!
//! What all requests have in common: https only, no redirect is followed, the system's certificate
//! authorities and those that are added, the environment's proxies, a limit of time and of size.

mod answer;
mod client;
mod error;
mod patience;

pub use answer::Answer;
pub use client::{Client, LIMIT, Options};
pub use error::Error;
pub use patience::Patience;

use crate::words::Secret;

/// A request with its whole body.
pub type Request = http::Request<Vec<u8>>;

/// A request for a JSON document, with nothing to say.
///
/// # Errors
/// [`Error::Address`].
pub fn get(url: &str) -> Result<Request, Error> {
    ::http::Request::get(url)
        .header(::http::header::ACCEPT, "application/json")
        .body(Vec::new())
        .map_err(|_| Error::Address {
            url: url.to_owned(),
            reason: "it is no address",
        })
}

/// A request that brings a JSON document, for the bearer of a token if there is one.
///
/// # Errors
/// [`Error::Address`].
pub fn post_json(
    url: &str,
    body: &serde_json::Value,
    token: Option<&Secret<String>>,
) -> Result<Request, Error> {
    let mut request = ::http::Request::post(url)
        .header(::http::header::ACCEPT, "application/json")
        .header(::http::header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        let value = format!("Bearer {}", token.expose());
        if let Ok(mut value) = ::http::HeaderValue::from_str(&value) {
            value.set_sensitive(true);
            request = request.header(::http::header::AUTHORIZATION, value);
        }
    }
    request
        .body(body.to_string().into_bytes())
        .map_err(|_| Error::Address {
            url: url.to_owned(),
            reason: "it is no address",
        })
}
