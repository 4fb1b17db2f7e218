use std::fmt;

use thiserror::Error;

use crate::{
    report::{Failure, Kind},
    words::Namespace,
};

/// What was tried: the words of RBAC, so that an administrator can grant it as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// `get`, `list`, `create`, `patch`, `delete`.
    pub verb: &'static str,
    /// The resource, with its subresource if there is one.
    pub resource: String,
    /// The object's name.
    pub name: Option<String>,
    /// Where it lies.
    pub namespace: Option<Namespace>,
}

impl Attempt {
    /// Boxed, because every error carries one.
    pub(super) fn new(verb: &'static str, resource: &str) -> Box<Self> {
        Box::new(Self {
            verb,
            resource: resource.to_owned(),
            name: None,
            namespace: None,
        })
    }

    pub(super) fn on(mut self: Box<Self>, name: &str) -> Box<Self> {
        self.name = Some(name.to_owned());
        self
    }

    pub(super) fn within(mut self: Box<Self>, namespace: &Namespace) -> Box<Self> {
        self.namespace = Some(namespace.clone());
        self
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace {namespace}")?;
        }
        Ok(())
    }
}

/// Why the cluster did not do, or may not have done, what was asked.
///
/// `reason` and `message` are the other side's words.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection, or one that broke.
    #[error("cannot {attempt}: the API server {server} cannot be reached: {reason}")]
    Unreachable {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The API server's URL, and the proxy on the way.
        server: String,
        /// The innermost cause: "connection refused", say.
        reason: String,
    },
    /// No answer within the limit.
    #[error("cannot {attempt}: the API server {server} did not answer within {seconds} s")]
    TimedOut {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The API server's URL, and the proxy on the way.
        server: String,
        /// The limit.
        seconds: f32,
    },
    /// The server's certificate, or the handshake, is not right.
    #[error("cannot {attempt}: TLS with the API server {server} failed: {reason}")]
    Tls {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The API server's URL, and the proxy on the way.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// What answered is no Kubernetes API server: a login page of a proxy, say.
    #[error(
        "cannot {attempt}: {server} does not answer as a Kubernetes API server does (HTTP {code}): {beginning:?}"
    )]
    NotKubernetes {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The API server's URL, and the proxy on the way.
        server: String,
        /// The HTTP status.
        code: u16,
        /// The answer's first words.
        beginning: String,
    },
    /// 401: the server does not know who we are.
    #[error("cannot {attempt}: the API server does not accept the credentials")]
    Unauthorized {
        /// What was tried.
        attempt: Box<Attempt>,
    },
    /// 403 by the cluster's access rules.
    #[error("not allowed to {attempt}: {message}")]
    Forbidden {
        /// What was tried.
        attempt: Box<Attempt>,
        /// Names the user, the verb and the resource.
        message: String,
    },
    /// 403 by RBAC's guard: nobody gives rights that they do not hold.
    #[error(
        "not allowed to {attempt}: it gives rights that you do not hold yourself: {}",
        rights.join("; ")
    )]
    Escalation {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The rights that are not held, in the words of RBAC: `get secrets "x"`.
        rights: Vec<String>,
    },
    /// An admission webhook or policy, a quota or a limit says no.
    #[error("cannot {attempt}: the cluster's policy refuses it: {message}")]
    Denied {
        /// What was tried.
        attempt: Box<Attempt>,
        /// Names the policy.
        message: String,
    },
    /// 404 for something that has to be there.
    #[error("cannot {attempt}: {message}")]
    NotFound {
        /// What was tried.
        attempt: Box<Attempt>,
        /// Names what is missing.
        message: String,
    },
    /// 409: the object is there already.
    #[error("cannot {attempt}: {message}")]
    AlreadyExists {
        /// What was tried.
        attempt: Box<Attempt>,
        /// Names the object.
        message: String,
    },
    /// 409: somebody else owns a field, or changed the object in between.
    #[error("cannot {attempt}: {message}")]
    Conflict {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The field managers in the way; empty when the object itself changed.
        managers: Vec<String>,
        /// Names managers and fields.
        message: String,
    },
    /// 410: what a list was read from has expired.
    #[error("cannot {attempt}: {message}")]
    Gone {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The server's words.
        message: String,
    },
    /// 400 or 422: the server cannot make sense of the object.
    #[error("cannot {attempt}: the API server finds it invalid: {message}")]
    Invalid {
        /// What was tried.
        attempt: Box<Attempt>,
        /// Names the fields.
        message: String,
    },
    /// 429, also after waiting.
    #[error("cannot {attempt}: the API server is overloaded: {message}")]
    TooManyRequests {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The server's words.
        message: String,
    },
    /// 5xx, or a status that has no meaning here.
    #[error("cannot {attempt}: the API server answers {code}: {message}")]
    Server {
        /// What was tried.
        attempt: Box<Attempt>,
        /// The HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// The program that prints the credential failed.
    #[error("the credential plugin {command} {problem}")]
    Credential {
        /// The program.
        command: String,
        /// What became of it.
        problem: String,
        /// What it said on standard error, and the kubeconfig's install hint.
        details: Vec<String>,
    },
    /// The connection's settings make no client: a wrong certificate or proxy, say.
    #[error("{what} cannot be used: {reason}")]
    Configuration {
        /// Which setting.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A request that cannot be written down: a bug, or a name that is none.
    #[error("cannot {attempt}: the request is not well-formed: {reason}")]
    Malformed {
        /// What was tried.
        attempt: Box<Attempt>,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Unreachable { .. } | Error::TimedOut { .. } | Error::TooManyRequests { .. } => {
                Kind::Unreachable
            }
            Error::Server { code, .. } if *code >= 500 => Kind::Unreachable,
            Error::Server { .. }
            | Error::Gone { .. }
            | Error::Invalid { .. }
            | Error::Malformed { .. } => Kind::Failed,
            Error::Tls { .. } | Error::NotKubernetes { .. } | Error::Configuration { .. } => {
                Kind::Usage
            }
            Error::Unauthorized { .. }
            | Error::Forbidden { .. }
            | Error::Escalation { .. }
            | Error::Denied { .. } => Kind::Refused,
            // Not logged in counts as not found.
            Error::Credential { .. } | Error::NotFound { .. } => Kind::NotFound,
            Error::Conflict { .. } | Error::AlreadyExists { .. } => Kind::Conflict,
        };
        let failure = Self::new(kind, error.to_string());
        match error {
            Error::Unreachable { .. }
            | Error::TimedOut { .. }
            | Error::Tls { .. }
            | Error::Server { .. }
            | Error::TooManyRequests { .. } => failure.next("kubectl cluster-info"),
            Error::NotKubernetes { .. } | Error::Configuration { .. } => {
                failure.next("kubectl config view --minify")
            }
            Error::Unauthorized { .. } => failure
                .next("kubectl datalab oidc-login")
                .next("kubectl auth whoami"),
            // Nobody in particular asked: there was no credential to be refused.
            Error::Forbidden { message, .. } if message.contains("\"system:anonymous\"") => {
                failure.next("kubectl datalab oidc-login")
            }
            Error::Forbidden { attempt, .. } => failure.next(can_i(&attempt)),
            Error::Escalation { attempt, .. } => match &attempt.namespace {
                Some(namespace) => {
                    failure.next(format!("kubectl auth can-i --list -n {namespace}"))
                }
                None => failure.next("kubectl auth can-i --list"),
            },
            Error::Conflict { attempt, .. } => match *attempt {
                Attempt {
                    resource,
                    name: Some(name),
                    namespace: Some(namespace),
                    ..
                } => failure.next(format!(
                    "kubectl get {resource} {name} -n {namespace} -o yaml --show-managed-fields"
                )),
                _ => failure,
            },
            Error::Denied { attempt, message } => match (quota(&message), &attempt.namespace) {
                (Some(quota), Some(namespace)) => failure.next(format!(
                    "kubectl describe resourcequota {quota} -n {namespace}"
                )),
                _ => failure,
            },
            Error::Credential { details, .. } => details.into_iter().fold(failure, Failure::detail),
            _ => failure,
        }
    }
}

/// The quota that is used up, by the words of the API server's own admission: `exceeded quota: NAME,
/// requested: …, used: …, limited: …`.
fn quota(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("exceeded quota: ")?;
    rest.split(',').next()
}

/// The question that shows the reader the same refusal.
fn can_i(attempt: &Attempt) -> String {
    let (resource, subresource) = match attempt.resource.split_once('/') {
        Some((resource, subresource)) => (resource, format!(" --subresource={subresource}")),
        None => (attempt.resource.as_str(), String::new()),
    };
    let name = attempt
        .name
        .as_ref()
        // What is not there yet has no name in a rule.
        .filter(|_| attempt.verb != "create" || !subresource.is_empty())
        .map(|name| format!("/{name}"))
        .unwrap_or_default();
    let namespace = attempt
        .namespace
        .as_ref()
        .map(|namespace| format!(" -n {namespace}"))
        .unwrap_or_default();
    format!(
        "kubectl auth can-i {} {resource}{name}{subresource}{namespace}",
        attempt.verb
    )
}
