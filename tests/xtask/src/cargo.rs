//! cargo, as the one that started this program.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The plugins, as packages.
pub(crate) const PLUGINS: [&str; 1] = ["kubectl-datalab-share-db"];

/// A cargo command in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where cargo puts the plugins: beside this program, which it built too.
pub(crate) fn binaries() -> std::io::Result<PathBuf> {
    let exe = env::current_exe()?;
    Ok(exe.parent().unwrap_or(&exe).to_owned())
}

/// Builds all plugins, each by itself, so that none has the features of another.
pub(crate) fn build_plugins() -> std::io::Result<bool> {
    for plugin in PLUGINS {
        if !cargo()
            .args(["build", "--package", plugin])
            .status()?
            .success()
        {
            return Ok(false);
        }
    }
    Ok(true)
}
