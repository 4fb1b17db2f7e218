//! An identity provider, and sessions with it that processes share.
//!
//! - [`Provider`]: what an issuer says of itself, and the keys that it signs with; [`ClientCheck`]
//!   says whether it would let a client log in.
//! - [`Client`]: the protocol: a code in the browser, a code on another device, refresh, logout.
//! - [`Tokens`] and [`Claims`]: what comes of it, checked.
//! - [`Sessions`]: logins that are kept, sealed; [`Session::obtain`] is how everything gets a
//!   token: one process asks the provider, the others wait for what it gets.
//! - [`KnownIssuers`]: those that the user has said yes to, with the servers that may get tokens.
//! - [`Person`]: who is asked to log in, and how; the tools implement it.
//!
//! OpenID Connect Core 1.0, RFC 6749 with RFC 9700's advice, RFC 7636 (PKCE), RFC 8252 (native
//! apps), RFC 8628 (device code), RFC 9207 (issuer in the answer), RFC 7009 (revocation).

mod answers;
mod callback;
mod claims;
mod client;
mod code_flow;
mod device_flow;
mod error;
mod identity;
mod known_issuers;
mod probe;
mod provider;
mod registration;
mod session;
mod tokens;

pub use claims::Claims;
pub use client::Client;
pub use device_flow::DeviceCode;
pub use error::Error;
pub use identity::{Account, Identity, check_issuer};
pub use known_issuers::{
    Audience, Familiarity, KnownIssuer, KnownIssuers, KnownIssuersError, Way, server_url,
};
pub use probe::ClientCheck;
pub use provider::{Provider, discovery_url};
pub use registration::{Redirect, Registration};
pub use session::{
    AudienceToken, Force, LoggedOut, LoginOptions, LoginWay, Obtained, Pending, Person, Record,
    Session, Sessions, Wanted,
};
pub use tokens::Tokens;
