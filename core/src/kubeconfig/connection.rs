use std::{collections::BTreeMap, path::PathBuf};

use serde_json::Value;

use super::RequestTimeout;
use crate::words::{Namespace, Secret};

/// All that is needed to speak to one API server as one user.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The API server's URL, with its scheme; it may hold a path.
    pub server: String,
    /// The name to check the server's certificate against, instead of the URL's host.
    pub tls_server_name: Option<String>,
    /// How the server's certificate is checked.
    pub trust: Trust,
    /// Who we are, as far as a header says it.
    pub credential: Credential,
    /// Who we are, as far as the TLS handshake says it; may stand beside a credential.
    pub client_certificate: Option<ClientCertificate>,
    /// Whom to act as.
    pub impersonation: Impersonation,
    /// The proxy to go through: the cluster's `proxy-url`, or the environment's where it applies.
    pub proxy_url: Option<String>,
    /// The namespace to work in when a command names none.
    pub namespace: Namespace,
    /// The time limit of one request, when the command line sets one.
    pub request_timeout: Option<RequestTimeout>,
    /// The context all this comes from; `None` in a pod, or with `--server` alone.
    pub context: Option<String>,
    /// The file that defines the cluster, for messages; `None` in a pod, or with `--server` alone.
    pub source: Option<PathBuf>,
}

/// How the API server's certificate is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Against the operating system's certificate authorities.
    System,
    /// Against these certificate authorities, as PEM.
    Authorities(Vec<u8>),
    /// Not at all.
    Insecure,
}

/// Who we are, as far as a header says it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// Nobody, or what the client certificate says.
    None,
    /// A bearer token.
    Token(Secret<String>),
    /// A file with a bearer token that somebody else renews.
    TokenFile(PathBuf),
    /// A user name and a password, for a proxy in front of the API server.
    Basic {
        /// The user's name.
        username: String,
        /// The user's password.
        password: Secret<String>,
    },
    /// A program that prints the credential.
    Exec(Box<ExecSpec>),
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The certificate and its chain, as PEM.
    pub certificate: Vec<u8>,
    /// The private key, as PEM.
    pub key: Secret<Vec<u8>>,
}

/// Whom to act as.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The user's name; nothing else counts without it.
    pub user: Option<String>,
    /// The user's UID.
    pub uid: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// What else authenticators know of a user.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// A credential plugin, as a kubeconfig names it.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecSpec {
    /// The program: a path, or a name to look up.
    pub command: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables added to its environment.
    pub environment: Vec<(String, String)>,
    /// The version of the protocol.
    pub version: ExecVersion,
    /// Whether it may talk to the user.
    pub interactive_mode: InteractiveMode,
    /// What the kubeconfig says when the program is not installed.
    pub install_hint: Option<String>,
    /// What it is told of the cluster, when it asks to be told.
    pub cluster: Option<ExecCluster>,
}

/// The version of the credential plugin protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecVersion {
    /// `client.authentication.k8s.io/v1`.
    V1,
    /// `client.authentication.k8s.io/v1beta1`.
    V1Beta1,
}

impl ExecVersion {
    /// The `apiVersion` of the documents that go to and fro.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1Beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
}

/// Whether a credential plugin gets the user's standard input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InteractiveMode {
    /// It never does.
    Never,
    /// It does when a person sits there.
    IfAvailable,
    /// It does, and without a person it is not started.
    Always,
}

/// What a credential plugin is told of the cluster (`provideClusterInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecCluster {
    /// The API server's URL.
    pub server: String,
    /// The name its certificate is checked against.
    pub tls_server_name: Option<String>,
    /// How its certificate is checked.
    pub trust: Trust,
    /// The cluster's own `proxy-url`.
    pub proxy_url: Option<String>,
    /// What the cluster entry holds for plugins (`extensions`, `client.authentication.k8s.io/exec`).
    pub config: Option<Value>,
}
