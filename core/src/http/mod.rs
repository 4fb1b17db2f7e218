//! The suite's HTTP client: for identity providers, object storage, the platform's own pages.
//!
//! - [`Client`] sends a request once; [`Client::send_patiently`] again when that cannot hurt.
//! - [`get`] makes the simplest request.
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
