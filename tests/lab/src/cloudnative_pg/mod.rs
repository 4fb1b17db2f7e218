//! CloudNativePG's operator on a lab: the real one, installed when the first story asks for it.
//!
//! A plain lab has no operator. Whoever comes first installs it for all, behind a lock in the lab's
//! directory; it goes with the lab.

mod images;
mod manifest;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::Lab;
use crate::command::{self, run, run_with_input};
use crate::directories::{self, Directories};
use crate::file::{FileError, fail};
use crate::image;
use crate::lab::ImageError;
use crate::lock::{self, Lock};
use crate::progress::{Progress, step};
use crate::tools;

/// The namespace that the operator's manifest makes.
pub(crate) const NAMESPACE: &str = "cnpg-system";

/// The operator's Deployment in [`NAMESPACE`].
pub(crate) const DEPLOYMENT: &str = "deployment/cnpg-controller-manager";

/// The label of the operator's pods.
pub(crate) const OPERATOR: &str = "app.kubernetes.io/name=cloudnative-pg";

/// The catalogue of images that the platform's chart names.
pub(crate) const CATALOG: &str = "postgresql-minimal-trixie";

/// How long kubectl waits for the operator: it is ready 10 s after its start, longer on a busy machine.
const READY_WITHIN: &str = "--timeout=180s";

/// What went wrong while the operator was installed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Go to build it with.
    #[error("cannot build CloudNativePG's operator: this machine lacks {0}")]
    Go(String),
    /// It could not be built.
    #[error(transparent)]
    Tools(#[from] tools::Error),
    /// Its images could not be made.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// Its images could not be imported.
    #[error(transparent)]
    Import(#[from] ImageError),
    /// The cluster refused it.
    #[error("cannot install CloudNativePG's operator")]
    Command(#[from] command::Error),
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest is not in the form that is known.
    #[error("{} holds no Deployment of the operator", .0.display())]
    Manifest(PathBuf),
    /// The lock between two that install.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// The cache is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
}

/// Installs the operator unless the lab has it, waits until it serves, and says which major version of
/// PostgreSQL its catalogue has.
pub(crate) fn install(lab: &Lab, progress: &mut dyn Progress) -> Result<u32, Error> {
    let major = image::postgresql_of_host()?;
    let done = lab.state_dir().join("cloudnative-pg.installed");
    let _lock = Lock::acquire(&lab.state_dir().join("cloudnative-pg.lock"), || {})?;
    if !done.exists() {
        let directories = Directories::from_env()?;
        let go = tools::find_go().map_err(Error::Go)?;
        let operator = tools::build_operator(directories.cache(), &go, progress)?;
        step(progress, "install CloudNativePG", |_| {
            let image = images::operator(lab, &operator)?;
            let operand = images::operand(lab, major)?;
            let objects = manifest::of(&operator, &image)?;
            apply(lab, objects.as_bytes())?;
            // The webhooks refuse everything until the operator answers them.
            wait(lab)?;
            let catalog = json!({
                "apiVersion": "postgresql.cnpg.io/v1",
                "kind": "ClusterImageCatalog",
                "metadata": { "name": CATALOG },
                "spec": { "images": [{ "major": major, "image": operand }] },
            });
            apply(lab, catalog.to_string().as_bytes())
        })?;
        fs::write(&done, "").map_err(fail("write", &done))?;
    }
    wait(lab)?;
    Ok(major)
}

/// The lock that keeps a restart of the operator apart from those who need it all the time: they
/// share it, and the restart has it alone.
pub(crate) fn turn(lab: &Lab) -> PathBuf {
    lab.state_dir().join("cloudnative-pg.turn")
}

/// Waits until the operator's Deployment is rolled out.
fn wait(lab: &Lab) -> Result<(), Error> {
    let rollout = ["rollout", "status", "--namespace", NAMESPACE, READY_WITHIN];
    run(kubectl(lab).args(rollout).arg(DEPLOYMENT))?;
    Ok(())
}

/// On the server's side: two definitions are larger than the annotation that kubectl would leave.
fn apply(lab: &Lab, objects: &[u8]) -> Result<(), Error> {
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    run_with_input(kubectl(lab).args(apply), objects)?;
    Ok(())
}

fn kubectl(lab: &Lab) -> Command {
    let mut command = Command::new(lab.kubectl());
    command.arg("--kubeconfig").arg(lab.kubeconfig());
    command
}
