use std::path::PathBuf;

use thiserror::Error;

use crate::{
    report::{Failure, Kind},
    words::NameError,
    world::FileError,
};

/// Why no connection can be made of the command line, the files and the environment.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A kubeconfig, or a file that it or the command line names, cannot be read.
    #[error("a file of the Kubernetes configuration is missing or unreadable")]
    Unreadable(#[from] FileError),
    /// A file is not what it should be.
    #[error("{} is not a kubeconfig: {reason}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, without a word of the file's content.
        reason: String,
    },
    /// There is no configuration at all.
    #[error("no Kubernetes cluster is configured: {looked}")]
    NotConfigured {
        /// Where it was looked for.
        looked: String,
    },
    /// The files know contexts, but none is the current one.
    #[error("no kubeconfig context is chosen; there are {}", list(known))]
    NoCurrentContext {
        /// The contexts there are.
        known: Vec<String>,
    },
    /// An entry that somebody names is not there.
    #[error(
        "there is no {what} {name:?} in the kubeconfig; there are {}",
        list(known)
    )]
    NoSuchEntry {
        /// `context`, `cluster` or `user`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The entries there are.
        known: Vec<String>,
    },
    /// A value that cannot be used.
    #[error("{key} of {entry} cannot be used: {reason}")]
    Value {
        /// The kubeconfig's key, or the flag.
        key: &'static str,
        /// The entry that holds it, with its file, or "the command line".
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A namespace that is none.
    #[error("the namespace of {entry} cannot be used")]
    Namespace {
        /// The entry that holds it, with its file.
        entry: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// The user entry relies on a plugin that was compiled into old kubectls.
    #[error("{entry} uses the auth-provider {provider:?}, which kubectl no longer has since 1.26")]
    AuthProvider {
        /// The entry, with its file.
        entry: String,
        /// The provider's name.
        provider: String,
    },
    /// Certificate authorities and no check at all cannot both be wanted.
    #[error("certificate authorities and insecure-skip-tls-verify exclude each other")]
    AuthoritiesAndInsecure,
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(Kind::Usage, error.to_string());
        let failure = match std::error::Error::source(&error) {
            Some(source) => failure.caused_by(source),
            None => failure,
        };
        match error {
            Error::NotConfigured { .. } => failure
                .detail("a platform's user finds a kubeconfig on the platform's account page; an administrator hands one out otherwise")
                .next("kubectl config view --minify --kubeconfig FILE"),
            Error::NoCurrentContext { .. } => failure.next("kubectl config use-context NAME"),
            Error::NoSuchEntry { what: "context", .. } => failure.next("kubectl config get-contexts"),
            Error::NoSuchEntry { what: "cluster", .. } => failure.next("kubectl config get-clusters"),
            Error::NoSuchEntry { .. } => failure.next("kubectl config get-users"),
            Error::AuthProvider { .. } => failure
                .next("kubectl datalab oidc-login"),
            Error::AuthoritiesAndInsecure => failure.next("the same command without --insecure-skip-tls-verify"),
            Error::Unreadable(_) | Error::Malformed { .. } | Error::Value { .. } | Error::Namespace { .. } => {
                failure.next("kubectl config get-contexts")
            }
        }
    }
}
