//! `cargo xtask test`: every level of the tests, on a lab of its own that ends with it.

mod tally;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;
use datalab_lab::{LAB_VARIABLE, Lab, LabName, down};

use crate::{
    cargo::{build_plugins, cargo, root},
    lab::Console,
};
use tally::Tally;

type Failure = Box<dyn Error + Send + Sync>;

/// How many of the other tests run at once. Those that are slow wait: for servers of their own, for
/// tokens that expire.
const UNITS_AT_ONCE: &str = "4";

/// How many journeys of each group play at once: with two groups, enough to keep two cores busy.
const JOURNEYS_AT_ONCE: &str = "4";

/// The journeys that take as long as all others together, and go on beside these.
const LONGEST_JOURNEYS: &str = "faults";

/// The version of cargo-deny that `deny.toml` was written for.
const CARGO_DENY: &str = "0.20.2";

/// core, as every set of rooms that a plugin may take.
const ROOMS: [&str; 9] = [
    "",
    "http",
    "store",
    "kubeconfig",
    "cluster",
    "oidc",
    "login",
    "onyxia",
    "cli",
];

/// What to test, and where.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Play the stories on a cluster of your own (kind, k3d, k3s, minikube) instead of the lab
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Only tests whose name holds this; the checks of the sources are left out
    #[arg(value_name = "FILTER")]
    filter: Option<String>,
}

/// Runs all levels and says what came of them; the exit code is 0 only when nothing failed.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut tally = Tally::new();
    if options.filter.is_none() {
        check_sources(&mut tally)?;
    }
    let bin = tally.phase("build the plugins", |tally| {
        let bin = build_plugins()?;
        tally.check("plugins", true);
        Ok(bin)
    })?;
    let skips = tempfile()?;
    match &options.context {
        Some(context) => {
            let stage = [
                ("USE_EXISTING_CLUSTER", OsString::from("true")),
                ("DATALAB_CONTEXT", context.into()),
            ];
            play(&mut tally, options, &bin, &stage, &skips)?;
        }
        None => play_in_the_lab(&mut tally, options, &bin, &skips)?,
    }
    match fs::read_to_string(&skips) {
        Ok(lines) => tally.skipped(&lines),
        // Not an early return: what the tests said until here is still to be told.
        Err(error) => tally.check(
            &format!("what was skipped, from {} ({error})", skips.display()),
            false,
        ),
    }
    let _ = fs::remove_file(&skips);
    Ok(tally.close())
}

/// What is true of the sources without running them.
fn check_sources(tally: &mut Tally) -> Result<(), Failure> {
    tally.phase("form, lints, features", |tally| {
        tally.command("format", cargo().args(["fmt", "--all", "--check"]))?;
        tally.command(
            "lints",
            cargo().args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--quiet",
                "--",
                "-D",
                "warnings",
            ]),
        )?;
        for rooms in ROOMS {
            let features = [
                "check",
                "--quiet",
                "--package",
                "datalab-core",
                "--no-default-features",
                "--features",
                rooms,
            ];
            tally.command(
                &format!("core with {rooms:?} alone"),
                cargo().args(features),
            )?;
        }
        Ok(())
    })?;
    tally.phase("licences, bans, sources", |tally| {
        let tools = datalab_lab::cache_directory()?.join(format!("cargo-deny-{CARGO_DENY}"));
        let deny = tools.join("bin/cargo-deny");
        if !deny.exists() {
            let install = [
                "install",
                "cargo-deny",
                "--locked",
                "--quiet",
                "--version",
                CARGO_DENY,
                "--root",
            ];
            tally.command("cargo-deny is installed", cargo().args(install).arg(&tools))?;
        }
        let checks = ["check", "bans", "licenses", "sources"];
        tally.command(
            "cargo deny",
            Command::new(deny).current_dir(root()).args(checks),
        )
    })
}

/// The lab of this checkout: made anew, so that no test meets another run's leftovers.
fn play_in_the_lab(
    tally: &mut Tally,
    options: &Options,
    bin: &Path,
    skips: &PathBuf,
) -> Result<(), Failure> {
    let mut hasher = DefaultHasher::new();
    root().hash(&mut hasher);
    let name: LabName = format!("test-{:04x}", hasher.finish() & 0xffff).parse()?;
    let lab = tally.phase("start the lab", |_| {
        down(&name, &mut Console::new())?;
        Ok(Lab::up(&name, &mut Console::new())?.0)
    });
    let lab = lab.and_then(|lab| {
        tally.phase("give the lab what stories ask for", |_| {
            Ok(lab.prepare(&mut Console::new())?)
        })?;
        Ok(lab)
    });
    let played = lab.and_then(|lab| {
        // As `lab env` has it: some tests are kubectl's own users.
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(iter::once(lab.bin()).chain(env::split_paths(&path)))?;
        let stage = [
            (LAB_VARIABLE, lab.state_file().into_os_string()),
            ("KUBECONFIG", lab.kubeconfig().into_os_string()),
            ("PATH", path),
        ];
        play(tally, options, bin, &stage, skips)
    });
    let ended = tally.phase("end the lab", |_| Ok(down(&name, &mut Console::new())?));
    played.and(ended.map(drop))
}

/// All tests that cargo knows, those that need a cluster last.
fn play(
    tally: &mut Tally,
    options: &Options,
    bin: &Path,
    stage: &[(&str, OsString)],
    skips: &PathBuf,
) -> Result<(), Failure> {
    let test = |packages: &[String], threads: &str| -> Result<Command, Failure> {
        let mut command = cargo();
        command.args(["test", "--no-fail-fast"]).args(packages);
        command.env("DATALAB_BIN", bin);
        command.env("DATALAB_XTASK", env::current_exe()?);
        command.env("DATALAB_SKIPS", skips);
        command.env("INSTA_UPDATE", "no");
        for (name, value) in stage {
            command.env(name, value);
        }
        command.arg("--");
        command.args(options.filter.as_ref());
        command.arg(format!("--test-threads={threads}"));
        Ok(command)
    };
    tally.phase("units, protocols, repository, lab", |tally| {
        tally.tests(test(
            &["--workspace", "--exclude=datalab-journeys"].map(str::to_owned),
            UNITS_AT_ONCE,
        )?)
    })?;
    tally.phase("journeys", |tally| {
        let [longest, others] = groups_of_journeys()?.map(|targets| {
            let package = "--package=datalab-journeys".to_owned();
            test(&[vec![package], targets].concat(), JOURNEYS_AT_ONCE)
        });
        tally.tests_beside(others?, longest?)
    })
}

/// The journeys that go on beside each other, as cargo's choice of targets.
fn groups_of_journeys() -> Result<[Vec<String>; 2], Failure> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(root().join("tests/journeys/tests"))? {
        let name = entry?.file_name();
        targets.push(format!("--test={}", name.display()));
    }
    targets.sort();
    let longest = format!("--test={LONGEST_JOURNEYS}");
    targets.retain(|target| *target != longest);
    targets.push("--lib".to_owned());
    Ok([vec![longest], targets])
}

fn tempfile() -> Result<PathBuf, Failure> {
    let path = env::temp_dir().join(format!("datalab-skips-{}", std::process::id()));
    fs::write(&path, "")?;
    Ok(path)
}
