use std::path::PathBuf;

use clap::Args;

use crate::{
    kubeconfig::{Overrides, RequestTimeout},
    words::{Namespace, Secret},
};

/// kubectl's own connection flags.
///
/// <https://kubernetes.io/docs/reference/kubectl/generated/kubectl_options/>
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection options, as kubectl's")]
pub struct ConnectionArgs {
    /// Namespace to work in, if not the context's
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    namespace: Option<Namespace>,
    /// Kubeconfig file to use
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Kubeconfig context to use
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Kubeconfig cluster to use
    #[arg(long, global = true, value_name = "NAME")]
    cluster: Option<String>,
    /// Kubeconfig user to use
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    /// Address of the API server
    #[arg(short, long, global = true, value_name = "URL")]
    server: Option<String>,
    /// Name to check the server's certificate against
    #[arg(long, global = true, value_name = "NAME")]
    tls_server_name: Option<String>,
    /// Do not check the server's certificate
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    insecure_skip_tls_verify: Option<bool>,
    /// Certificate authorities of the API server
    #[arg(long, global = true, value_name = "FILE")]
    certificate_authority: Option<PathBuf>,
    /// Client certificate
    #[arg(long, global = true, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, global = true, value_name = "FILE")]
    client_key: Option<PathBuf>,
    /// Bearer token; the process list shows it
    #[arg(long, global = true, value_name = "TOKEN")]
    token: Option<SecretArg>,
    /// User to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    as_user: Option<String>,
    /// Group to impersonate; can be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    as_groups: Vec<String>,
    /// UID to impersonate
    #[arg(long, global = true, value_name = "UID")]
    as_uid: Option<String>,
    /// Limit of a request: 10, 1s, 2m; 0 for none
    #[arg(long, global = true, value_name = "TIME")]
    request_timeout: Option<RequestTimeout>,
    /// Show each request, from 6 on
    #[arg(short = 'v', long = "v", global = true, num_args = 0..=1, require_equals = true, default_missing_value = "6", default_value = "0", value_name = "N", hide_default_value = true)]
    verbosity: u8,
}

/// An argument that is not shown when arguments are printed.
#[derive(Clone, Debug)]
struct SecretArg(Secret<String>);

impl std::str::FromStr for SecretArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Secret::new(text.to_owned())))
    }
}

/// From this verbosity on, kubectl and these tools show each request.
const VERBOSITY_REQUESTS: u8 = 6;

impl ConnectionArgs {
    /// The namespace given with `-n`.
    pub fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    /// Whether each request is to be shown.
    pub fn shows_requests(&self) -> bool {
        self.verbosity >= VERBOSITY_REQUESTS
    }

    /// The flags as what the kubeconfig room works with.
    pub fn overrides(&self) -> Overrides {
        let Self {
            namespace,
            kubeconfig,
            context,
            cluster,
            user,
            server,
            tls_server_name,
            insecure_skip_tls_verify,
            certificate_authority,
            client_certificate,
            client_key,
            token,
            as_user,
            as_groups,
            as_uid,
            request_timeout,
            verbosity: _,
        } = self.clone();
        Overrides {
            kubeconfig,
            context,
            cluster,
            user,
            namespace,
            server,
            tls_server_name,
            insecure_skip_tls_verify,
            certificate_authority,
            client_certificate,
            client_key,
            token: token.map(|SecretArg(token)| token),
            as_user,
            as_groups,
            as_uid,
            request_timeout,
        }
    }
}
