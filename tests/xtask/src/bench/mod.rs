//! `cargo xtask bench`: how fast a tool is beside its peers, as ratios within one run.

mod calls;
mod connect;
mod grant;
mod measure;
mod oidc_login;
mod s3_creds;
mod share_db;
mod start;
mod table;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::{Command, ExitCode};

use clap::{Args, ValueEnum};
use datalab_lab::{Lab, LabName};

use crate::{
    cargo::{OIDC_LOGIN, S3_CREDS, SHARE_DB, root},
    lab::Console,
};

type Failure = Box<dyn Error + Send + Sync>;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The tool
    #[arg(value_enum)]
    tool: Tool,
    /// The lab to measure on
    #[arg(long, default_value = "lab")]
    name: LabName,
    /// Print the table only, and leave the files as they are
    #[arg(long)]
    dry_run: bool,
}

/// A tool that has benchmarks.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tool {
    ShareDb,
    OidcLogin,
    S3Creds,
}

/// Measures, prints the table and writes it to its file; the exit code is 1 when a target is missed.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let (lab, _) = Lab::up(&options.name, &mut Console::new())?;
    let (plugin, heading, rows) = match options.tool {
        Tool::ShareDb => (SHARE_DB, share_db::HEADING, share_db::rows(&lab)?),
        Tool::OidcLogin => (OIDC_LOGIN, oidc_login::HEADING, oidc_login::rows(&lab)?),
        Tool::S3Creds => (S3_CREDS, s3_creds::HEADING, s3_creds::rows(&lab)?),
    };
    let table = table::markdown(plugin.name, &rows);
    io::stdout().write_all(table.as_bytes())?;
    if !options.dry_run {
        table::write(&root().join("plugins").join(plugin.name), heading, &table)?;
    }
    Ok(if rows.iter().all(|row| row.met) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs a command and hands out what it printed.
fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {} {said}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
