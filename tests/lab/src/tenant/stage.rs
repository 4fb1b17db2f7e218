//! Where stories are played: the lab, or a cluster of one's own.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tempfile::TempDir;

use crate::ceph::Ceph;
use crate::consumers::Consumers;
use crate::keycloak::Keycloak;
use crate::versitygw::VersityGw;
use crate::{LAB_VARIABLE, Lab, progress};

use super::command::Program;
use super::play::Play;

/// The image of pods on a cluster of one's own: Debian, with the server's and the client's programs.
const PUBLIC_IMAGE: &str = "postgres:17";

/// A cluster, as its administrator. Cheap to clone.
#[derive(Clone)]
pub struct Stage(Arc<Cluster>);

struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    image: String,
    lab: Option<Lab>,
    scratch: TempDir,
    /// Of the kubeconfig, read once.
    cluster: OnceLock<Value>,
}

impl Stage {
    /// The stage of this run, or None after saying that the test named here is skipped.
    ///
    /// The lab's state file is named by `DATALAB_LAB`. A cluster of one's own is taken only with
    /// `USE_EXISTING_CLUSTER=true` and `DATALAB_CONTEXT=NAME`, never by being current; its pods run
    /// `DATALAB_TEST_IMAGE`.
    ///
    /// # Panics
    /// When a stage is asked for and cannot be had, and with `CI=true` when there is none.
    #[track_caller]
    pub fn required(test: &str) -> Option<Self> {
        let stage = Self::from_env();
        if stage.is_none() {
            crate::skip(test, "the lab: cargo xtask lab up");
        }
        stage
    }

    /// As [`Stage::required`], but never a cluster of one's own: for stories on what only a lab can be
    /// given, such as an operator.
    ///
    /// # Panics
    /// As [`Stage::required`].
    #[track_caller]
    pub fn required_lab(test: &str) -> Option<Self> {
        let stage = Self::required(test)?;
        if stage.0.lab.is_none() {
            crate::skip(test, "the lab, no other cluster: cargo xtask lab up");
            return None;
        }
        Some(stage)
    }

    /// The stage that the environment names, if it names one.
    ///
    /// # Panics
    /// When it names one that cannot be had.
    #[must_use]
    #[track_caller]
    pub fn from_env() -> Option<Self> {
        if env::var("USE_EXISTING_CLUSTER").is_ok_and(|value| value == "true") {
            let context = env::var("DATALAB_CONTEXT")
                .expect("because USE_EXISTING_CLUSTER=true asks for DATALAB_CONTEXT=NAME: the current context is never taken");
            return Some(Self::on_context(&context));
        }
        env::var_os(LAB_VARIABLE)?;
        let lab = Lab::from_env().expect("because the lab that DATALAB_LAB leads to is up");
        Some(Self::in_lab(&lab))
    }

    /// The stage in a lab.
    #[must_use]
    pub fn in_lab(lab: &Lab) -> Self {
        let kubectl = lab.bin().join("kubectl");
        let image = lab.image().to_owned();
        Self::new(
            lab.kubeconfig(),
            kubectl,
            image,
            Some(lab.clone()),
            scratch(),
        )
    }

    /// The stage on a cluster of one's own, by a context of one's kubeconfig; its pods run
    /// `DATALAB_TEST_IMAGE`.
    ///
    /// # Panics
    /// When there is no such context, or no kubectl in `PATH`.
    #[must_use]
    #[track_caller]
    pub fn on_context(context: &str) -> Self {
        let image = env::var("DATALAB_TEST_IMAGE").unwrap_or_else(|_| PUBLIC_IMAGE.to_owned());
        Self::existing(context, image)
    }

    /// A play with a random suffix to every name, so that many can run side by side.
    #[must_use]
    pub fn play(&self) -> Play {
        Play::new(self.clone(), Some(super::play::suffix()))
    }

    /// A play with the plain names of the README (`user-me`, `user-x`) in the lab, one at a time: what is
    /// left of the last one is removed first. On a cluster of one's own these names may be somebody's,
    /// so it is a [`Stage::play`].
    #[must_use]
    pub fn play_by_name(&self) -> Play {
        if self.0.lab.is_some() {
            Play::new(self.clone(), None)
        } else {
            self.play()
        }
    }

    /// kubectl as the cluster's administrator: for the lab's own hands, never for a tool under test.
    pub fn kubectl<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Program {
        let mut line = vec![
            self.0.kubectl.as_os_str().to_owned(),
            "--kubeconfig".into(),
            self.0.kubeconfig.as_os_str().to_owned(),
        ];
        line.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        let program = Program::new(line, &[], self.0.scratch.path());
        if self.0.lab.is_some() {
            program
        } else {
            as_at_home(program)
        }
    }

    /// The image that pods of a story run: a shell, coreutils and PostgreSQL's programs.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.0.image
    }

    /// An image with this major version of PostgreSQL; a lab is given it at first.
    #[track_caller]
    pub(super) fn image_with_postgresql(&self, major: u32) -> String {
        let Some(lab) = &self.0.lab else {
            return format!("postgres:{major}");
        };
        let image = lab.postgresql_image(major, &mut progress::on_stderr);
        image.expect("because a story asks for a version that a release of Debian has")
    }

    /// The lab that this is, if it is one.
    #[must_use]
    pub fn lab(&self) -> Option<&Lab> {
        self.0.lab.as_ref()
    }

    /// The lab's Keycloak, which the first story that asks starts.
    ///
    /// # Panics
    /// On a cluster of one's own, ask for [`Stage::required_lab`]; and when it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn keycloak(&self) -> Keycloak {
        let lab = self.lab().expect("because the story asks for a lab");
        lab.keycloak()
            .expect("because what carries a lab can carry Keycloak")
    }

    /// The lab's object store, which the first story that asks starts, with Keycloak.
    ///
    /// # Panics
    /// On a cluster of one's own, ask for [`Stage::required_lab`]; and when it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn ceph(&self) -> Ceph {
        let lab = self.lab().expect("because the story asks for a lab");
        lab.ceph()
            .expect("because what carries a lab can carry Ceph")
    }

    /// The lab's object store that speaks as AWS does, which the first story that asks starts, with
    /// Keycloak.
    ///
    /// # Panics
    /// On a cluster of one's own, ask for [`Stage::required_lab`]; and when it cannot be started.
    #[must_use]
    #[track_caller]
    pub fn versitygw(&self) -> VersityGw {
        let lab = self.lab().expect("because the story asks for a lab");
        lab.versitygw()
            .expect("because what carries a lab can carry VersityGW")
    }

    /// Clients of S3 by others, and shells.
    ///
    /// # Panics
    /// On a cluster of one's own, ask for [`Stage::required_lab`]; and when they cannot be installed.
    #[must_use]
    #[track_caller]
    pub fn consumers(&self) -> Consumers {
        let lab = self.lab().expect("because the story asks for a lab");
        lab.consumers()
            .expect("because what carries a lab can carry a few programs")
    }

    /// Any program, in a clean environment with this home, and a PATH with the plugins under test
    /// (`DATALAB_BIN`, else where `cargo xtask` puts them) and the stage's kubectl.
    #[track_caller]
    pub fn program<S: AsRef<OsStr>>(
        &self,
        line: impl IntoIterator<Item = S>,
        home: &Path,
    ) -> Program {
        let kubectl = self.kubectl_path().parent().unwrap_or(Path::new("/"));
        Program::new(line, &[&plugins(), kubectl], home)
    }

    /// The kubectl that stories use.
    pub(super) fn kubectl_path(&self) -> &Path {
        &self.0.kubectl
    }

    /// How the cluster is reached, as a kubeconfig says it: server, certificate authority, proxy.
    pub(super) fn cluster(&self) -> &Value {
        self.0.cluster.get_or_init(|| {
            let view = [
                "config",
                "view",
                "--raw",
                "--flatten",
                "--minify",
                "--output=json",
            ];
            let view: Value = serde_json::from_str(&self.kubectl(view).run().ok())
                .expect("because kubectl writes JSON when asked to");
            view["clusters"][0]["cluster"].clone()
        })
    }

    fn existing(context: &str, image: String) -> Self {
        let kubectl = which("kubectl");
        let scratch = scratch();
        // A copy with this one context, so that nothing can reach another one by accident.
        let line = [
            "config",
            "view",
            "--raw",
            "--flatten",
            "--minify",
            "--context",
            context,
        ];
        let line = std::iter::once(kubectl.as_os_str()).chain(line.map(OsStr::new));
        let mut view = as_at_home(Program::new(line, &[], scratch.path()));
        if let Some(kubeconfig) = env::var_os("KUBECONFIG") {
            view = view.env("KUBECONFIG", kubeconfig);
        }
        let kubeconfig = scratch.path().join("admin.yaml");
        super::kubeconfig::write(&kubeconfig, &view.run().ok());
        Self::new(kubeconfig, kubectl, image, None, scratch)
    }

    fn new(
        kubeconfig: PathBuf,
        kubectl: PathBuf,
        image: String,
        lab: Option<Lab>,
        scratch: TempDir,
    ) -> Self {
        Self(Arc::new(Cluster {
            kubeconfig,
            kubectl,
            image,
            lab,
            scratch,
            cluster: OnceLock::new(),
        }))
    }
}

/// With one's own PATH and HOME: a cluster of one's own may need a credential program from there.
fn as_at_home(mut program: Program) -> Program {
    for name in ["PATH", "HOME"] {
        if let Some(value) = env::var_os(name) {
            program = program.env(name, value);
        }
    }
    program
}

fn scratch() -> TempDir {
    tempfile::Builder::new()
        .prefix("datalab-stage-")
        .tempdir()
        .expect("because the folder for temporary files can be written")
}

/// The folder of the programs under test.
fn plugins() -> PathBuf {
    let build = || {
        let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        target
            .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"))
            .join("plugins")
    };
    env::var_os("DATALAB_BIN").map_or_else(build, PathBuf::from)
}

fn which(program: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    found.expect("because a cluster of one's own is reached by the kubectl in PATH")
}
