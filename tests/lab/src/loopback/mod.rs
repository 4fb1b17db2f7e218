//! What our own servers on loopback share: a socket with TLS, a thread for each connection, forms,
//! a journal of what was asked, and faults on purpose.
//!
//! [`Server`] runs a [`Service`], which says what kinds of requests it has and carries them out;
//! [`Journal`] is the test's side of it. Used by `identity_provider` and `object_storage`.

mod fault;
mod form;
mod journal;
mod reply;
mod request;
mod server;
mod transport;

use std::net::Ipv4Addr;
use std::time::SystemTime;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

pub use fault::{Fault, What};
pub(crate) use form::pairs;
pub use form::{decode, encode};
pub use journal::Journal;
pub use reply::Reply;
pub use request::Seen;
pub(crate) use request::read_head;
pub(crate) use server::{Server, Service};
pub use transport::Transport;

use crate::pki;

/// Where all of them listen.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No certificate of its own.
    #[error(transparent)]
    Certificate(#[from] pki::Error),
    /// The certificate that was made cannot be read.
    #[error("the certificate cannot be read back")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// No socket, thread or folder to work with.
    #[error("the server cannot be started")]
    Start(#[from] std::io::Error),
}

/// Seconds since 1970, by a clock that is ahead of this machine's.
pub(crate) fn now(ahead_seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |time| time.as_secs() as i64) + ahead_seconds
}

/// A time as a Date header says it.
pub(crate) fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// Random text of letters, digits, `-` and `_`.
pub(crate) fn random(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).expect("because the kernel gives random bytes");
    BASE64URL_NOPAD.encode(&buffer)
}
