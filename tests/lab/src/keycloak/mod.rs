//! Keycloak in a lab: the real one, started when the first story asks for it.
//!
//! A plain lab has none, though its API server trusts these realms from its start. Whoever comes first
//! starts it for all, behind a lock in the lab's directory; it runs in the lab's network and pid
//! namespaces, and so ends with the lab. Its address is the lab's own, under which this machine, the API
//! server and pods reach it alike: one issuer URL for all of them.
//!
//! All realms have the users `alice` (groups `datalab-users`, `datalab-admins`) and `bob`
//! (`datalab-users`), whose passwords are their names, and these clients:
//!
//! | client | what it is for |
//! |---|---|
//! | `kubernetes` | kubectl: public, code and device flow, PKCE required; scopes `minio` and `vault` add an audience to the access token |
//! | `kubernetes-short` | the same with tokens of 20 s and polls each second |
//! | `kubernetes-brief` | tokens of 5 s, device codes of 8 s |
//! | `kubernetes-consent` | asks for consent in the code flow too |
//! | `no-device` | code flow only |
//! | `onyxia` | the platform's own page: none of its redirects leads to this machine |
//! | `onyxia-minio`, `vault` | public, for a second code round; the first adds audience `minio` and `policy=stsonly` |
//! | `minio` | confidential |
//! | `direct` | tokens for a password, which the API server accepts: for the lab's own hands |
//!
//! `datalab-strict` differs by what its file says: a refresh token is used once, tokens last a minute.

mod admin;
mod distribution;
mod realms;
mod server;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command;
use crate::directories;
use crate::file::FileError;
use crate::https::{self, Client, Request};
use crate::lock;
use crate::packages;
use crate::pki;
use crate::process;
use crate::state;

pub use admin::{Admin, Session};
pub(crate) use realms::{Realm, TRUSTED};
pub(crate) use server::start;

/// The realm as platforms have it.
pub const REALM: &str = "datalab";

/// The realm in which a refresh token is used once.
pub const STRICT_REALM: &str = "datalab-strict";

/// A realm like the first, whose keys a story replaces: all tokens that were signed before are worth
/// nothing, so that nobody else uses it.
pub const ROLLOVER_REALM: &str = "datalab-rollover";

/// A name that its certificate has beside the lab's address, as of a server in the open: for whoever
/// refuses to ask a private address.
pub(crate) const PUBLIC_NAME: &str = "idp.lab.test";

/// Keycloak's port, in the lab's own network.
const PORT: u16 = 8443;

/// The administrator of the realm `master`, and her password: nobody else reaches a lab's network.
const ADMINISTRATOR: &str = "admin";

/// What went wrong while Keycloak was made or started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks something.
    #[error(transparent)]
    Packages(#[from] packages::Error),
    /// A program failed.
    #[error("cannot make Keycloak")]
    Command(#[from] command::Error),
    /// The archive is not the one that is known.
    #[error("{} is not Keycloak {version}: its SHA-256 is {found}", path.display())]
    Stranger {
        /// The archive.
        path: PathBuf,
        /// The version asked for.
        version: &'static str,
        /// The digest found.
        found: String,
    },
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its certificate.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// The lock between two that start it.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// What is known of the running one.
    #[error(transparent)]
    State(#[from] state::Error),
    /// Its process.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The cache is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
    /// It cannot be asked.
    #[error(transparent)]
    Https(#[from] https::Error),
    /// It ended, or does not serve in time.
    #[error("Keycloak {how}: see {}", log.display())]
    NotReady {
        /// What it does instead.
        how: String,
        /// Its log.
        log: PathBuf,
    },
    /// The lab has no address.
    #[error("the lab has no subnet")]
    NoSubnet,
}

/// A lab's Keycloak, which runs.
#[derive(Clone, Debug)]
pub struct Keycloak {
    address: Ipv4Addr,
    authority: PathBuf,
    client: Client,
    log: PathBuf,
}

impl Keycloak {
    /// The issuer URL of a realm: `https://10.200.N.2:8443/realms/datalab`.
    #[must_use]
    pub fn issuer(&self, realm: &str) -> String {
        issuer(self.address, realm)
    }

    /// The lab's authority, which signed its certificate, in PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> &Path {
        &self.authority
    }

    /// What it writes while it runs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// A client that trusts it.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What an administrator may do to a realm.
    #[must_use]
    pub fn admin(&self, realm: &str) -> Admin {
        Admin::new(self.clone(), realm.to_owned())
    }

    /// The answer of a realm's token endpoint to a form: status code and body.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn token_endpoint(&self, realm: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let answer = self.ask_for_token(realm, form);
        let answer = answer.expect("because a Keycloak that runs answers");
        (answer.status(), answer.json())
    }

    /// Tokens for a user whose password is her name, of the client `direct`: `id_token` is what the API
    /// server accepts.
    ///
    /// # Panics
    /// When it gives none.
    #[track_caller]
    pub fn tokens(&self, realm: &str, user: &str) -> Value {
        let (status, tokens) = self.token_endpoint(realm, &password_form(user));
        assert_eq!(status, 200, "{user} in {realm}: {tokens}");
        tokens
    }

    fn ask_for_token(
        &self,
        realm: &str,
        form: &[(&str, &str)],
    ) -> Result<https::Answer, https::Error> {
        let endpoint = format!("{}/protocol/openid-connect/token", self.issuer(realm));
        let form = form.iter().copied();
        self.client.send(&Request::form(&endpoint, form)?)
    }
}

/// The issuer URL of a realm in the lab with this address.
pub(crate) fn issuer(address: Ipv4Addr, realm: &str) -> String {
    format!("{}/realms/{realm}", origin(address))
}

/// Where the Keycloak of the lab with this address listens.
pub(crate) fn socket(address: Ipv4Addr) -> SocketAddrV4 {
    SocketAddrV4::new(address, PORT)
}

fn origin(address: Ipv4Addr) -> String {
    format!("https://{address}:{PORT}")
}

fn password_form(user: &str) -> [(&'static str, &str); 5] {
    [
        ("grant_type", "password"),
        ("client_id", "direct"),
        ("scope", "openid"),
        ("username", user),
        ("password", user),
    ]
}
