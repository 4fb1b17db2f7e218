//! VersityGW in a lab: an object store whose STS answers as that of AWS does, started when the first story
//! asks for it.
//!
//! S3 and STS are two servers with a port each, over https with certificates of the lab's authority, in
//! the region `us-east-1`, path style only. It takes tokens of a realm of its own, [`REALM`], which is a
//! copy of the platform's: it refuses issuers with a port, or with a private address. So the realm says
//! that it is at `https://idp.lab.test`, and where these two run that name leads to Keycloak. Nobody else
//! reaches that address: a story takes a token from [`VersityGw::tokens`] and hands it over as a file.
//!
//! | role | who may have it | what it may |
//! |---|---|---|
//! | `alice`, `bob` | the user of this name | everything in buckets `NAME` and `NAME-*`, and list the names of buckets |
//! | `alice-long` | alice, for up to 12 h instead of one | the same as `alice` |
//! | `powerless` | everybody | nothing: no policy is attached |

mod server;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command;
use crate::directories;
use crate::file::FileError;
use crate::guest;
use crate::https::{self, Answer, Client, Request};
use crate::iam;
use crate::keycloak::{self, Keycloak};
use crate::lab::ClientError;
use crate::lock;
use crate::process;
use crate::signature::Key;
use crate::state;

pub(crate) use server::start;

/// The realm whose tokens it takes, of client `direct`.
pub const REALM: &str = "datalab-public";

/// The roles that are there from the start.
pub const ROLES: [&str; 4] = ["alice", "bob", "alice-long", "powerless"];

/// The port of S3.
const PORT: u16 = 7070;

/// The port of STS and IAM.
const STS_PORT: u16 = 7076;

/// The administrator's key: nobody else reaches a lab's network.
const ADMINISTRATOR: (&str, &str) = ("LABADMINISTRATOR", "a-lab-administrators-secret-key");

/// The account that everything belongs to.
const ACCOUNT: &str = "000000000000";

/// What went wrong while VersityGW was started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be built.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Its network could not be arranged.
    #[error("cannot show Keycloak to VersityGW")]
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
    /// A process of an earlier one.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// One of its servers.
    #[error(transparent)]
    Guest(#[from] guest::Error),
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
    #[error("VersityGW refuses {what}: {status} {said}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The status code.
        status: u16,
        /// The body.
        said: String,
    },
    /// The lab has no address.
    #[error("the lab has no subnet")]
    NoSubnet,
}

/// A lab's VersityGW, which runs.
#[derive(Clone, Debug)]
pub struct VersityGw {
    address: Ipv4Addr,
    keycloak: Keycloak,
    client: Client,
    authority: PathBuf,
}

impl VersityGw {
    /// Where S3 is: `https://10.200.N.2:7070`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}:{PORT}", self.address)
    }

    /// Where STS is: `https://10.200.N.2:7076`.
    #[must_use]
    pub fn sts_url(&self) -> String {
        format!("https://{}:{STS_PORT}", self.address)
    }

    /// The lab's authority, which signed its certificates, in PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> &Path {
        &self.authority
    }

    /// Tokens that it takes, of a user whose password is her name.
    ///
    /// # Panics
    /// When Keycloak gives none.
    #[must_use]
    #[track_caller]
    pub fn tokens(&self, user: &str) -> Value {
        self.keycloak.tokens(REALM, user)
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
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    /// A request of S3 at a path such as `/bucket/key`, signed with `key`.
    ///
    /// # Panics
    /// When nothing is answered.
    #[track_caller]
    pub fn s3(&self, key: &Key, method: &'static str, path: &str, body: &[u8]) -> Answer {
        let url = format!("{}{path}", self.url());
        let request = Request::new(method, &url).expect("because the URL is one of https");
        let answer = self.client.send(&key.sign("s3", request.body(body)));
        answer.expect("because a gateway that runs answers")
    }

    /// Asks for a role with a token, as a client of STS does; what else to say is in `more`.
    ///
    /// # Panics
    /// When nothing is answered.
    #[track_caller]
    pub fn assume(&self, role: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let arn = self.role_arn(role);
        let request = Request::form(&self.sts_url(), iam::exchange(&arn, token, more));
        let request = request.expect("because the URL is one of https");
        let answer = self.client.send(&request);
        answer.expect("because a gateway that runs answers")
    }
}
