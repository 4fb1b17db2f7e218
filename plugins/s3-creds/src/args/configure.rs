use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datalab_core::{cli::OutputArgs, report::Failure, world::World};

use super::source::SourceArgs;
use crate::configure::{Request, Tool};

#[derive(Args, Debug)]
pub(super) struct ConfigureArgs {
    /// Tool whose settings are written: aws, mc, rclone, s3cmd or duckdb
    #[arg(value_enum, value_name = "TOOL", hide_possible_values = true)]
    tool: Tool,
    /// What the tool calls it: profile, alias, remote, secret [default: the profile's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write the keys as they are now, rather than how to get new ones
    #[arg(long = "static", conflicts_with = "remove")]
    is_static: bool,
    /// Take out what was written, and put back what it took the place of
    #[arg(long)]
    remove: bool,
    /// Put aside what others have written under that name
    #[arg(long)]
    force: bool,
    /// client: show what would be written, and write nothing
    #[arg(
        long,
        value_enum,
        default_value = "none",
        default_missing_value = "client",
        num_args = 0..=1,
        // What follows is the tool.
        require_equals = true,
        value_name = "none|client",
        hide_possible_values = true,
        hide_default_value = true
    )]
    dry_run: ConfigureDryRun,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    source: SourceArgs,
}

/// How far configure goes: there is no server that could check what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ConfigureDryRun {
    None,
    Client,
}

impl ConfigureArgs {
    pub(super) fn into_request(self, own_path: PathBuf, world: &World) -> Result<Request, Failure> {
        let Self {
            tool,
            name,
            is_static,
            remove,
            force,
            dry_run,
            output: _,
            source,
        } = self;
        let (source, terms) = source.into_request(world)?;
        Ok(Request {
            tool,
            source,
            terms,
            name,
            own_path,
            removes: remove,
            forces: force,
            is_static,
            is_dry: dry_run == ConfigureDryRun::Client,
        })
    }
}
