//! The flags of each verb.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datalab_core::words::Lifetime;

use super::{
    registration::RegistrationArgs,
    session::{FlowArgs, SessionArgs},
};

#[derive(Args, Debug)]
pub(super) struct GetTokenArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    #[command(flatten)]
    pub(super) flow: FlowArgs,
    /// Print the token although standard output is a terminal
    #[arg(long)]
    pub(super) show_secret: bool,
}

#[derive(Args, Debug)]
pub(super) struct LoginArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    #[command(flatten)]
    pub(super) flow: FlowArgs,
    /// Show the page's address instead of opening it
    #[arg(long)]
    pub(super) no_browser: bool,
    /// login: have the provider ask for a password, also where a session or the browser's login is there
    #[arg(long, value_enum, value_name = "login", hide_possible_values = true)]
    pub(super) prompt: Option<Prompt>,
    /// Also give tokens to kubeconfigs that do not say which server they are for
    #[arg(long)]
    pub(super) any_server: bool,
    #[command(flatten)]
    pub(super) registration: RegistrationArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Prompt {
    Login,
}

#[derive(Args, Debug)]
pub(super) struct LogoutArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// End the whole login at the identity provider, for all applications
    #[arg(long, conflicts_with = "all")]
    pub(super) sso: bool,
    /// End all sessions
    #[arg(long, conflicts_with_all = ["issuer", "account", "kubeconfig", "context"])]
    pub(super) all: bool,
}

#[derive(Args, Debug)]
pub(super) struct WhoamiArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Ask the API server of the kubeconfig's context too
    #[arg(long)]
    pub(super) server: bool,
}

#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// What the API server is started with: its AuthenticationConfiguration
    #[arg(long, value_name = "FILE", conflicts_with = "onyxia")]
    pub(super) authentication_config: Option<PathBuf>,
    /// A platform that tells issuer and client
    #[arg(long, value_name = "URL")]
    pub(super) onyxia: Option<String>,
    /// Region of the platform, where it has several
    #[arg(long, value_name = "ID", requires = "onyxia")]
    pub(super) region: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    /// Service that the token is for: one that setup has told, or the name of a scope
    #[arg(long, value_name = "NAME")]
    pub(super) audience: String,
    #[command(flatten)]
    pub(super) session: SessionArgs,
    #[command(flatten)]
    pub(super) flow: FlowArgs,
    /// Print the token although standard output is a terminal
    #[arg(long)]
    pub(super) show_secret: bool,
}

#[derive(Args, Debug)]
pub(super) struct RefreshArgs {
    #[command(flatten)]
    pub(super) session: SessionArgs,
    /// Now: the only time there is
    #[arg(long, required = true)]
    pub(super) now: bool,
    /// How long a person may take, if a new login is needed [default: 3m]
    #[arg(
        long,
        default_value = "3m",
        value_name = "TIME",
        hide_default_value = true
    )]
    pub(super) login_timeout: Lifetime,
}
