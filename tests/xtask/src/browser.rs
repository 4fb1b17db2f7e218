//! `cargo xtask browser URL`: what `BROWSER` names where a story logs somebody in.

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use datalab_lab::headless::Browser;

/// What to open.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The address
    url: String,
}

/// A program without arguments that plays this person, in this folder: what `BROWSER` names is split
/// at blanks.
pub(crate) fn script(folder: &Path) -> io::Result<PathBuf> {
    let file = folder.join("browser");
    let xtask = std::env::current_exe()?;
    fs::write(
        &file,
        format!("#!/bin/sh\nexec '{}' browser \"$1\"\n", xtask.display()),
    )?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    Ok(file)
}

/// Lets a program's logins be done by this person, whose password is her name, in the browser that
/// [`script`] left in this folder.
pub(crate) fn played_by(command: &mut Command, user: &str, folder: &Path, authority: &Path) {
    command
        .env("BROWSER", folder.join("browser"))
        .env("DATALAB_BROWSER_USER", user)
        .env("DATALAB_BROWSER_PASSWORD", user)
        .env("DATALAB_BROWSER_CA", authority);
}

/// Opens the address and does what its pages ask for. As other browsers it writes where it likes: what it
/// read last goes to stdout.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let visit = Browser::from_env()?.visit(&options.url)?;
    writeln!(io::stdout(), "{} {}", visit.status, visit.text)?;
    Ok(if visit.status < 400 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
