//! Where other tools keep their settings, by their own rules.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use datalab_core::{
    report::{Failure, Kind},
    world::{World, is_there},
};

use crate::source::absolute;

/// The profiles of AWS' SDKs.
pub(super) fn aws_config(world: &World) -> Result<PathBuf, Failure> {
    named_or_in_home(world, "AWS_CONFIG_FILE", ".aws/config")
}

/// Their keys.
pub(super) fn aws_credentials(world: &World) -> Result<PathBuf, Failure> {
    named_or_in_home(world, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")
}

/// <https://rclone.org/docs/#config-config-file>
pub(super) fn rclone(world: &World) -> Result<PathBuf, Failure> {
    if let Some(path) = world.environment().get("RCLONE_CONFIG") {
        return Ok(expanded(path, world));
    }
    let home = home(world)?;
    let base = match world.environment().get("XDG_CONFIG_HOME") {
        Some(base) => base.into(),
        None => home.join(".config"),
    };
    let default = base.join("rclone/rclone.conf");
    let places = [
        home.join(".config/rclone/rclone.conf"),
        home.join(".rclone.conf"),
    ];
    let old = places.into_iter().find(|path| is_there(path));
    Ok(match old {
        Some(old) if !is_there(&default) => old,
        _ => default,
    })
}

pub(super) fn s3cmd(world: &World) -> Result<PathBuf, Failure> {
    named_or_in_home(world, "S3CMD_CONFIG", ".s3cfg")
}

pub(super) fn mc(world: &World) -> Result<PathBuf, Failure> {
    let folder = named_or_in_home(world, "MC_CONFIG_DIR", ".mc")?;
    Ok(folder.join("config.json"))
}

pub(super) fn duckdb(world: &World) -> Result<PathBuf, Failure> {
    Ok(home(world)?.join(".duckdbrc"))
}

fn named_or_in_home(world: &World, variable: &str, in_home: &str) -> Result<PathBuf, Failure> {
    match world.environment().get(variable) {
        Some(path) => Ok(expanded(path, world)),
        None => Ok(home(world)?.join(in_home)),
    }
}

/// A tilde at the beginning of such a variable is the home, for the tools as well.
fn expanded(path: &OsStr, world: &World) -> PathBuf {
    let path = Path::new(path);
    let in_home = path.strip_prefix("~").ok();
    match (in_home, world.environment().home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => absolute(path),
    }
}

fn home(world: &World) -> Result<PathBuf, Failure> {
    world.environment().home().ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "HOME is not set, so nobody knows where other tools keep their settings",
        )
    })
}
