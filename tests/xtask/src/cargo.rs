//! cargo, as the one that started this program.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Failure = Box<dyn Error + Send + Sync>;

/// A tool of the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plugin {
    /// Its folder in `plugins`.
    pub(crate) name: &'static str,
    /// Its package.
    pub(crate) package: &'static str,
    /// Its program.
    pub(crate) binary: &'static str,
    /// Whether it is started so often that its start counts: such a one is linked statically.
    quick: bool,
}

/// Shares databases.
pub(crate) const SHARE_DB: Plugin = Plugin {
    name: "share-db",
    package: "kubectl-datalab-share-db",
    binary: "kubectl-datalab-share_db",
    quick: false,
};

/// Logs in.
pub(crate) const OIDC_LOGIN: Plugin = Plugin {
    name: "oidc-login",
    package: "kubectl-datalab-oidc-login",
    binary: "kubectl-datalab-oidc_login",
    quick: true,
};

/// All tools.
pub(crate) const PLUGINS: [Plugin; 2] = [SHARE_DB, OIDC_LOGIN];

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
            .args(["build", "--package", plugin.package])
            .status()?
            .success()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A tool as it is released: with its own profile and features only; returns the program.
///
/// A quick one is a static, position-independent program on Linux: nothing is to be found and
/// relocated before its first line. `--target` keeps that from the programs that cargo itself runs.
pub(crate) fn release(plugin: Plugin) -> Result<PathBuf, Failure> {
    let target = binaries()?.parent().map(Path::to_owned).unwrap_or_default();
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", plugin.package]);
    let folder = match host()?.filter(|host| plugin.quick && host.ends_with("-linux-gnu")) {
        Some(host) => {
            build.args(["--profile", QUICK_START, "--target", &host]);
            build
                .arg("--config")
                .arg(format!("target.{host}.rustflags={QUICK_FLAGS}"));
            target.join(host).join(QUICK_START)
        }
        None if plugin.quick => {
            build.args(["--profile", QUICK_START]);
            target.join(QUICK_START)
        }
        None => {
            build.arg("--release");
            target.join("release")
        }
    };
    match build.status()?.success() {
        true => Ok(folder.join(plugin.binary)),
        false => Err(format!("{} does not build", plugin.package).into()),
    }
}

/// Statically linked; and without tables for unwinding, since a panic aborts: a tenth of the size.
const QUICK_FLAGS: &str = r#"["-C", "target-feature=+crt-static", "-C", "force-unwind-tables=no"]"#;

/// The profile of tools whose start counts.
const QUICK_START: &str = "quick-start";

/// The platform that cargo builds for by itself.
fn host() -> Result<Option<String>, Failure> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let answer = Command::new(rustc).arg("-vV").output()?;
    let answer = String::from_utf8(answer.stdout)?;
    let host = answer.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.map(str::to_owned))
}

/// The folder of programs as they are released.
pub(crate) fn dist() -> PathBuf {
    root().join("target/dist")
}

/// Puts released tools into one folder.
pub(crate) fn distribute(plugins: &[Plugin]) -> Result<Vec<PathBuf>, Failure> {
    let dist = dist();
    fs::create_dir_all(&dist)?;
    plugins
        .iter()
        .map(|&plugin| {
            let to = dist.join(plugin.binary);
            fs::copy(release(plugin)?, &to)?;
            Ok(to)
        })
        .collect()
}
