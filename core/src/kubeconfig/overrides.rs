use std::path::PathBuf;

use super::RequestTimeout;
use crate::words::{Namespace, Secret};

/// kubectl's connection flags: each one given wins over what the files say.
///
/// Paths are relative to the working directory.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// The only kubeconfig file to read; it must exist.
    pub kubeconfig: Option<PathBuf>,
    /// The context, instead of the current one.
    pub context: Option<String>,
    /// The cluster entry, instead of the context's.
    pub cluster: Option<String>,
    /// The user entry, instead of the context's.
    pub user: Option<String>,
    /// The namespace, instead of the context's.
    pub namespace: Option<Namespace>,
    /// The API server's URL; clears the cluster's `tls-server-name`.
    pub server: Option<String>,
    /// The name to check the server's certificate against.
    pub tls_server_name: Option<String>,
    /// Whether the server's certificate goes unchecked.
    pub insecure_skip_tls_verify: Option<bool>,
    /// PEM file of the certificate authorities of the API server.
    pub certificate_authority: Option<PathBuf>,
    /// PEM file of the client certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    pub client_key: Option<PathBuf>,
    /// A bearer token.
    pub token: Option<Secret<String>>,
    /// The user to act as.
    pub as_user: Option<String>,
    /// The groups to act as.
    pub as_groups: Vec<String>,
    /// The UID to act as.
    pub as_uid: Option<String>,
    /// The time limit of one request.
    pub request_timeout: Option<RequestTimeout>,
}
