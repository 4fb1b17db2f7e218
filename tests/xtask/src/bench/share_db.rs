//! share-db beside kubectl, psql and a shell script.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use datalab_lab::Lab;
use datalab_lab::tenant::{Release, Stage};

use super::{Failure, connect, grant, start, table::Row};
use crate::cargo::{SHARE_DB, release};

/// What the file of the table says above it.
pub(super) const HEADING: &str = "# share-db, measured\n\nMedians of interleaved runs on one machine, by `cargo xtask bench share-db`; only ratios within one run\nmean anything. The peers: a shell script with kubectl and psql (`tests/xtask/src/bench/grant-by-hand.sh`),\n`kubectl port-forward` to the same pod, and `/bin/true`.";

/// Measures all there is.
pub(super) fn rows(lab: &Lab) -> Result<Vec<Row>, Failure> {
    let program = release(SHARE_DB)?;
    let stage = Stage::in_lab(lab);
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
    let mut rows = start::rows(&scene.program)?;
    rows.extend(grant::rows(&scene, &me, &x, &database)?);
    rows.extend(connect::rows(&scene, &me, &x, &database)?);
    Ok(rows)
}

/// What is measured, and with what.
pub(super) struct Scene {
    pub(super) program: PathBuf,
    pub(super) kubectl: PathBuf,
    pub(super) image: String,
    /// The cluster administrator's kubeconfig.
    pub(super) administrator: PathBuf,
}

impl Scene {
    /// A program as a tenant runs it: her kubeconfig, and the lab's kubectl first in PATH.
    pub(super) fn command(&self, program: &Path, kubeconfig: &Path) -> Command {
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

    pub(super) fn tool(&self, kubeconfig: &Path) -> Command {
        self.command(&self.program, kubeconfig)
    }
}
