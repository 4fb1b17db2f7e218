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

/// Gets credentials for object storage.
pub(crate) const S3_CREDS: Plugin = Plugin {
    name: "s3-creds",
    package: "kubectl-datalab-s3-creds",
    binary: "kubectl-datalab-s3_creds",
    quick: true,
};

/// All tools.
pub(crate) const PLUGINS: [Plugin; 3] = [SHARE_DB, OIDC_LOGIN, S3_CREDS];

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

/// Where cargo puts what it builds.
fn target() -> std::io::Result<PathBuf> {
    Ok(binaries()?.parent().map(Path::to_owned).unwrap_or_default())
}

/// How a tool is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Quickly, for tests.
    Test,
    /// As it is released.
    Release,
}

/// Builds a tool by itself, so that it has its own features only; returns the program.
///
/// A quick one is a static, position-independent program on Linux: nothing is to be found and
/// relocated before its first line. `--target` keeps that from the programs that cargo itself runs.
fn build(plugin: Plugin, manner: Manner) -> Result<PathBuf, Failure> {
    let profile = match (manner, plugin.quick) {
        (Manner::Test, _) => "dev",
        (Manner::Release, true) => QUICK_START,
        (Manner::Release, false) => "release",
    };
    let mut build = cargo();
    build.args(["build", "--quiet", "--package", plugin.package]);
    build.args(["--profile", profile]);
    let mut folder = target()?;
    if let Some(host) = host()?.filter(|host| plugin.quick && host.ends_with("-linux-gnu")) {
        let mut flags = QUICK_FLAGS.to_vec();
        if host.starts_with("x86_64-") {
            flags.push(FOLDED);
        }
        let flags = format!("target.{host}.rustflags={flags:?}");
        build.args(["--target", &host, "--config", &flags]);
        // Either would take the place of these flags without a word.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            build.env_remove(variable);
        }
        folder.push(host);
    }
    folder.push(if profile == "dev" { "debug" } else { profile });
    match build.status()?.success() {
        true => Ok(folder.join(plugin.binary)),
        false => Err(format!("{} does not build", plugin.package).into()),
    }
}

/// Builds all plugins for tests; returns a folder with them and nothing else, which cargo does not
/// write to when it builds tests.
pub(crate) fn build_plugins() -> Result<PathBuf, Failure> {
    let folder = target()?.join("plugins");
    collect(&PLUGINS, Manner::Test, &folder)?;
    Ok(folder)
}

/// A tool as it is released.
pub(crate) fn release(plugin: Plugin) -> Result<PathBuf, Failure> {
    build(plugin, Manner::Release)
}

/// Puts tools as they are released into one folder; returns the programs.
pub(crate) fn distribute(plugins: &[Plugin]) -> Result<Vec<PathBuf>, Failure> {
    collect(plugins, Manner::Release, &target()?.join("dist"))
}

fn collect(plugins: &[Plugin], manner: Manner, folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    fs::create_dir_all(folder)?;
    plugins
        .iter()
        .map(|&plugin| {
            let built = build(plugin, manner)?;
            let to = folder.join(plugin.binary);
            // A program that runs cannot be written to, but its name can be given to another one.
            let unfinished = folder.join(format!(".{}", plugin.binary));
            fs::copy(built, &unfinished)?;
            fs::rename(unfinished, &to)?;
            Ok(to)
        })
        .collect()
}

/// How a quick tool is linked: statically; with relocations that take a bit each instead of three
/// words, which the kernel reads and the start works through; and without what only unwinding
/// needs, since a panic aborts.
const QUICK_FLAGS: [&str; 4] = [
    "-Ctarget-feature=+crt-static",
    "-Cpanic=abort",
    "-Clink-arg=-Wl,-z,pack-relative-relocs",
    "-Clink-arg=-Wl,--no-eh-frame-hdr",
];

/// Functions that are the same byte for byte are there once, where nobody compares their addresses.
/// Only LLVM's linker knows how; Rust brings it along for this architecture since 1.90.
const FOLDED: &str = "-Clink-arg=-Wl,--icf=safe";

/// The profile of tools whose start counts.
const QUICK_START: &str = "quick-start";

/// The platform that cargo builds for by itself, by the toolchain that the workspace's folder chooses.
fn host() -> Result<Option<String>, Failure> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let answer = Command::new(rustc)
        .arg("-vV")
        .current_dir(root())
        .output()?;
    let answer = String::from_utf8(answer.stdout)?;
    let host = answer.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.map(str::to_owned))
}
