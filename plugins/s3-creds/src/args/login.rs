use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::Args;
use datalab_core::{login::Flow, words::Lifetime};

use crate::source::{TokenKind, TokenSource};

/// Whose keys.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which login")]
pub(super) struct LoginArgs {
    /// Identity provider, by its issuer URL
    #[arg(long, value_name = "URL")]
    pub(super) issuer: Option<String>,
    /// Client at the identity provider
    #[arg(long, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// Scope that the store's token needs; can be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(super) scopes: Vec<String>,
    /// One of several accounts, by user name or e-mail
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// Certificate authorities of the identity provider, beside the system's
    #[arg(long, value_name = "FILE")]
    pub(super) issuer_ca: Option<PathBuf>,
    /// A token instead of a login: a file, - for standard input, or env:NAME
    #[arg(long, value_name = "FILE")]
    pub(super) token: Option<TokenArg>,
    /// Which of the login's tokens is sent: access or id
    #[arg(
        long,
        value_enum,
        default_value = "access",
        value_name = "KIND",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(super) token_kind: TokenKind,
    /// Say yes beforehand to an issuer or token service that has not had your token yet
    #[arg(long)]
    pub(super) trust: bool,
    /// auto, browser or device (a code to enter on any device)
    #[arg(
        long,
        default_value = "auto",
        value_name = "FLOW",
        hide_default_value = true
    )]
    pub(super) flow: Flow,
    /// How long a person may take to log in [default: 3m]
    #[arg(
        long,
        default_value = "3m",
        value_name = "TIME",
        hide_default_value = true
    )]
    pub(super) login_timeout: Lifetime,
}

/// Where a token is: `env:NAME`, `-`, or a file.
#[derive(Clone, Debug)]
pub(super) struct TokenArg(TokenSource);

impl FromStr for TokenArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(match text.strip_prefix("env:") {
            Some(name) => TokenSource::Variable(name.to_owned()),
            None if text == "-" => TokenSource::Stdin,
            None => TokenSource::File(text.into()),
        }))
    }
}

impl TokenArg {
    pub(super) fn source(self) -> TokenSource {
        self.0
    }
}
