//! The flags of each verb, beside those of the store.

use std::{ffi::OsString, path::PathBuf};

use clap::Args;
use datalab_core::cli::OutputArgs;

use super::source::SourceArgs;
use crate::{forms::Form, serve};

#[derive(Args, Debug)]
pub(super) struct GetArgs {
    /// Form of the keys [default: env; on a terminal a summary]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORM",
        hide_possible_values = true
    )]
    pub(super) output: Option<Form>,
    /// What the next tool calls it: profile, alias, remote, secret [default: the profile's name]
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Print the keys although standard output is a terminal
    #[arg(long)]
    pub(super) show_secret: bool,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

#[derive(Args, Debug)]
pub(super) struct CredentialProcessArgs {
    /// Print the keys although standard output is a terminal
    #[arg(long)]
    pub(super) show_secret: bool,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

#[derive(Args, Debug)]
pub(super) struct ExecArgs {
    /// Renew the keys while the command runs, for programs that use an AWS SDK
    #[arg(long)]
    pub(super) renew: bool,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    /// Command, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct ShellArgs {
    /// Renew the keys while the shell runs, for programs that use an AWS SDK
    #[arg(long)]
    pub(super) renew: bool,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "NUMBER")]
    pub(super) port: Option<u16>,
    /// Put what opens the endpoint into this file, which only you can read, instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// env or json
    #[arg(
        short,
        long,
        value_enum,
        default_value = "env",
        value_name = "FORM",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(super) output: serve::Form,
    /// Print what opens the endpoint although standard output is a terminal
    #[arg(long)]
    pub(super) show_secret: bool,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// Also write an empty object into the bucket, and delete it again
    #[arg(long)]
    pub(super) write: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
}

#[derive(Args, Debug)]
pub(super) struct LogoutArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Only those of this store
    #[arg(long, value_name = "URL")]
    pub(super) endpoint: Option<String>,
    /// Only those of this profile
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// Everything that is kept, also what the platform said of itself
    #[arg(long, conflicts_with_all = ["endpoint", "profile"])]
    pub(super) all: bool,
}
