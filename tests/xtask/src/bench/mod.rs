//! `cargo xtask bench`: how fast a tool is beside its peers, as ratios within one run.

mod connect;
mod grant;
mod measure;
mod start;
mod table;

use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::{Args, ValueEnum};
use datalab_lab::tenant::{Release, Stage};
use datalab_lab::{Lab, LabName};

use crate::{
    cargo::{SHARE_DB, release, root},
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
}

/// Measures, prints the table and writes it to its file; the exit code is 1 when a target is missed.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let Tool::ShareDb = options.tool;
    let program = release(SHARE_DB)?;
    let (lab, _) = Lab::up(&options.name, &mut Console::new())?;
    let stage = Stage::in_lab(&lab);
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let release = Release::named("postgresql-951239").setting("max_connections", "200");
    let database = me.postgres(release).ready();
    let scene = Scene {
        program,
        kubectl: lab.bin().join("kubectl"),
        image: stage.image().to_owned(),
        administrator: lab.kubeconfig(),
    };

    let mut rows = start::rows(&scene)?;
    rows.extend(grant::rows(&scene, &me, &x, &database)?);
    rows.extend(connect::rows(&scene, &me, &x, &database)?);
    let table = table::markdown(&rows);
    io::stdout().write_all(table.as_bytes())?;
    if !options.dry_run {
        let heading = "# share-db, measured\n\nMedians of interleaved runs on one machine, by `cargo xtask bench share-db`; only ratios within one run\nmean anything. The peers: a shell script with kubectl and psql (`tests/xtask/src/bench/grant-by-hand.sh`),\n`kubectl port-forward` to the same pod, and `/bin/true`.";
        table::write(&root().join("plugins/share-db"), heading, &table)?;
    }
    Ok(if rows.iter().all(|row| row.met) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is measured, and with what.
struct Scene {
    program: PathBuf,
    kubectl: PathBuf,
    image: String,
    /// The cluster administrator's kubeconfig.
    administrator: PathBuf,
}

impl Scene {
    /// A program as a tenant runs it: her kubeconfig, and the lab's kubectl first in PATH.
    fn command(&self, program: &Path, kubeconfig: &Path) -> Command {
        let folder = self.kubectl.parent().unwrap_or(Path::new("/"));
        let path = format!("{}:/usr/bin:/bin", folder.display());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", "/nonexistent")
            .env("XDG_CACHE_HOME", std::env::temp_dir())
            .env("LANG", "C.UTF-8")
            .env("KUBECONFIG", kubeconfig)
            .env("DATALAB_RELAY_IMAGE", &self.image)
            .stdin(Stdio::null());
        command
    }

    fn tool(&self, kubeconfig: &Path) -> Command {
        self.command(&self.program, kubeconfig)
    }
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
