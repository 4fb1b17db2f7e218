use std::{path::PathBuf, time::Duration};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser};
use datalab_core::{login::Flow, words::Lifetime};

/// Which session is meant. Without `--issuer`: that of the kubeconfig's current context, else the
/// only one there is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which login")]
pub(crate) struct SessionArgs {
    /// Identity provider, by its issuer URL
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Client at the identity provider
    #[arg(long, value_name = "ID", requires = "issuer")]
    pub(crate) client_id: Option<String>,
    /// One of several accounts, by user name or e-mail
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    /// Scope that is needed beside openid; can be repeated
    #[arg(long = "scope", value_name = "SCOPE", requires = "issuer")]
    pub(crate) scopes: Vec<String>,
    /// Certificate authorities of the identity provider, beside the system's
    #[arg(long, value_name = "FILE", requires = "issuer")]
    pub(crate) issuer_ca: Option<PathBuf>,
    /// Kubeconfig file to look into
    #[arg(long, value_name = "FILE", conflicts_with = "issuer")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Kubeconfig context to look into
    #[arg(long, value_name = "NAME", conflicts_with = "issuer")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true, ignore_errors = true)]
struct Entry {
    #[command(flatten)]
    session: SessionArgs,
}

impl SessionArgs {
    /// Reads the words after `get-token` of a kubeconfig's entry.
    pub(crate) fn read(words: &[String]) -> Option<Self> {
        let matches = Entry::command().try_get_matches_from(words).ok()?;
        Entry::from_arg_matches(&matches)
            .ok()
            .map(|entry| entry.session)
    }
}

/// How to log in, if that is needed.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "How to log in")]
pub(crate) struct FlowArgs {
    /// auto, browser or device (a code to enter on any device)
    #[arg(
        long,
        default_value = "auto",
        value_name = "FLOW",
        hide_default_value = true
    )]
    pub(crate) flow: Flow,
    /// How long a person may take [default: 3m]
    #[arg(
        long,
        default_value = "3m",
        value_name = "TIME",
        hide_default_value = true
    )]
    pub(crate) login_timeout: Lifetime,
}

impl FlowArgs {
    /// How long a person may take.
    pub(super) fn limit(self) -> Duration {
        self.login_timeout.as_duration()
    }
}
