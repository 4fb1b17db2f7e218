//! Ceph's object store in a lab: the real one, started when the first story asks for it.
//!
//! A monitor, an OSD in memory and a gateway of Debian's run in the lab's network and pid namespaces, and
//! so end with the lab. Whoever comes first starts them for all, with Keycloak, whose tokens the gateway
//! takes for its roles. S3, STS and IAM are at one address, over https with a certificate of the lab's
//! authority and over plain http, in whatever region is asked for, path style only.
//!
//! For each realm these clients' tokens count ([`CLIENTS`]); they are found in `aud` or `azp`. Roles that
//! are there from the start trust the realm `datalab`:
//!
//! | role | who may have it | what it may |
//! |---|---|---|
//! | `alice`, `bob` | the user of this name | everything in buckets `NAME` and `NAME-*`, and list the names of her own |
//! | `alice-long` | alice, for up to 12 h instead of one | the same as `alice` |
//! | `powerless` | everybody | nothing: no policy is attached |
//! | `elsewhere` | nobody: its condition names a client that there is not | as `alice` |
//!
//! A story that needs others makes them with [`Ceph::create_role`]. Buckets have one name space: a story
//! calls hers `alice-…` with something of its own.

mod cluster;
mod role;
mod server;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::command;
use crate::directories;
use crate::file::FileError;
use crate::guest;
use crate::https::{self, Answer, Client, Request};
use crate::iam;
use crate::keycloak;
use crate::lock;
use crate::packages;
use crate::process;
use crate::state;

pub use crate::signature::Key;
pub use role::Role;
pub(crate) use server::start;

/// The clients whose tokens the gateway takes, of every realm.
pub const CLIENTS: [&str; 9] = [
    "kubernetes",
    "kubernetes-short",
    "kubernetes-brief",
    "kubernetes-consent",
    "no-device",
    "onyxia",
    "onyxia-minio",
    "minio",
    "direct",
];

/// The roles that are there from the start.
pub const ROLES: [&str; 5] = ["alice", "bob", "alice-long", "powerless", "elsewhere"];

/// The port of https.
const PORT: u16 = 7481;

/// The port of http.
const PLAIN_PORT: u16 = 7480;

/// The administrator's key: nobody else reaches a lab's network.
const ADMINISTRATOR: (&str, &str) = ("LABADMINISTRATOR", "a-lab-administrators-secret-key");

/// What went wrong while Ceph was started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks something.
    #[error(transparent)]
    Packages(#[from] packages::Error),
    /// A program failed.
    #[error("cannot make Ceph's cluster")]
    Command(#[from] command::Error),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The lock between two that start it.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// What is known of the running one.
    #[error(transparent)]
    State(#[from] state::Error),
    /// A process of it.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The cache is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
    /// Keycloak, whose tokens it takes.
    #[error(transparent)]
    Keycloak(#[from] keycloak::Error),
    /// It cannot be asked.
    #[error(transparent)]
    Https(#[from] https::Error),
    /// It refuses what makes it ready.
    #[error("Ceph refuses {what}: {status} {said}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The status code.
        status: u16,
        /// The body.
        said: String,
    },
    /// One of its programs.
    #[error(transparent)]
    Guest(#[from] guest::Error),
    /// The lab has no address.
    #[error("the lab has no subnet")]
    NoSubnet,
}

/// A lab's object store, which runs.
#[derive(Clone, Debug)]
pub struct Ceph {
    address: Ipv4Addr,
    authority: PathBuf,
    client: Client,
    log: PathBuf,
}

impl Ceph {
    /// Where S3, STS and IAM are: `https://10.200.N.2:7481`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}:{PORT}", self.address)
    }

    /// The same without TLS: `http://10.200.N.2:7480`.
    #[must_use]
    pub fn plain_url(&self) -> String {
        format!("http://{}:{PLAIN_PORT}", self.address)
    }

    /// The lab's authority, which signed its certificate, in PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> &Path {
        &self.authority
    }

    /// What the gateway writes while it runs; a line with `beast:` for each request.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// A key that may do everything: for a test's own hands, never for a tool under test.
    #[must_use]
    pub fn administrator(&self) -> Key {
        let (id, secret) = ADMINISTRATOR;
        Key::new(id, secret)
    }

    /// The ARN of the role of this name.
    #[must_use]
    pub fn role_arn(&self, name: &str) -> String {
        format!("arn:aws:iam:::role/{name}")
    }

    /// A request of S3 at a path such as `/bucket/key`, signed with `key`.
    ///
    /// # Panics
    /// When nothing is answered.
    #[track_caller]
    pub fn s3(&self, key: &Key, method: &'static str, path: &str, body: &[u8]) -> Answer {
        let url = format!("{}{path}", self.url());
        let request = Request::new(method, &url).expect("because the URL is one of https");
        let request = key.sign("s3", request.body(body));
        let answer = self.client.send(&request);
        answer.expect("because a gateway that runs answers")
    }

    /// Asks for a role with a token, as a client of STS does; what else to say is in `more`, such as
    /// `("DurationSeconds", "900")`.
    ///
    /// # Panics
    /// When nothing is answered.
    #[track_caller]
    pub fn assume(&self, role: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let arn = self.role_arn(role);
        let request = Request::form(&self.url(), iam::exchange(&arn, token, more));
        let request = request.expect("because the URL is one of https");
        let ask = || {
            let answer = self.client.send(&request);
            answer.expect("because a gateway that runs answers")
        };
        match ask() {
            // Another call has just made the user of this token, whom the gateway had not met.
            answer if answer.status() == 409 => ask(),
            answer => answer,
        }
    }

    /// Lets tokens of one more issuer count, for these of its clients.
    ///
    /// # Panics
    /// When the gateway refuses.
    #[track_caller]
    pub fn trust(&self, issuer: &str, clients: &[&str]) {
        self.register(issuer, clients)
            .expect("because a gateway that runs takes what is new to it");
    }

    /// Makes one more role.
    ///
    /// # Panics
    /// When the gateway refuses, as it does when there is one of this name.
    #[track_caller]
    pub fn create_role(&self, role: &Role) {
        self.add_role(role)
            .expect("because a gateway that runs takes what is new to it");
    }
}
