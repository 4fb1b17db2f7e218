use std::path::PathBuf;

use datalab_core::{
    cli::ConfirmArgs,
    oidc::{Audience, Registration},
    words::Namespace,
};

use super::PrintRequest;

/// What setup is asked for.
#[derive(Debug)]
pub(crate) struct SetupRequest {
    pub(crate) source: Source,
    /// PEM file with the issuer's certificate authorities.
    pub(crate) issuer_ca: Option<PathBuf>,
    /// PEM file with the API server's certificate authorities.
    pub(crate) server_ca: Option<PathBuf>,
    /// Which of several accounts.
    pub(crate) account: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) audiences: Vec<Audience>,
    /// How the client is registered, beside what is known of it.
    pub(crate) registration: Registration,
    /// Of the entries.
    pub(crate) name: Option<String>,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) use_context: bool,
    pub(crate) is_dry: bool,
    pub(crate) confirm: ConfirmArgs,
    pub(crate) print: PrintRequest,
}

/// Where issuer, client and server are told: by the platform, by the command line, which wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) onyxia: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) server: Option<String>,
}
