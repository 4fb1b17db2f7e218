//! One story's cast: its tenants, and what must go when it ends.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tempfile::TempDir;

use super::cluster::Volumes;
use super::namespace::Tenant;
use super::pod::Pod;
use super::random;
use super::stage::Stage;

/// One story: everything it makes has its suffix and goes with it, unless `DATALAB_KEEP=1`.
///
/// Tenants keep their play alive: it ends when the last of them is dropped.
pub struct Play(Arc<Cast>);

/// What the members of a play share.
pub(super) struct Cast {
    pub(super) stage: Stage,
    suffix: Option<String>,
    folder: Option<TempDir>,
    /// Objects to delete at the end, as kubectl names them; those in a namespace are in `default`.
    leftovers: Mutex<Vec<String>>,
    /// What lies on the lab's disk and goes after the objects.
    volumes: Mutex<Vec<Volumes>>,
    kept: AtomicBool,
}

impl Play {
    pub(super) fn new(stage: Stage, suffix: Option<String>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("datalab-play-")
            .tempdir()
            .expect("because the folder for temporary files can be written");
        Self(Arc::new(Cast {
            stage,
            suffix,
            folder: Some(folder),
            leftovers: Mutex::default(),
            volumes: Mutex::default(),
            kept: AtomicBool::new(false),
        }))
    }

    /// A name of this play: `me` becomes `me-k3f9x`.
    #[must_use]
    pub fn name(&self, plain: &str) -> String {
        self.0.name(plain)
    }

    /// A user with a namespace of her own: for `me`, the user `oidc-me-…` and the namespace `user-me-…`.
    #[must_use]
    #[track_caller]
    pub fn tenant(&self, id: &str) -> Tenant {
        Tenant::of_user(&self.0, id, None)
    }

    /// A [`Play::tenant`] who is in a group too, such as the [`Tenant::subject`] of a group's namespace.
    #[must_use]
    #[track_caller]
    pub fn tenant_in(&self, id: &str, group: &str) -> Tenant {
        Tenant::of_user(&self.0, id, Some(group))
    }

    /// A group's namespace, for `p` `projet-p-…`, with one member of the group to act for it.
    #[must_use]
    #[track_caller]
    pub fn group_tenant(&self, id: &str) -> Tenant {
        Tenant::of_group(&self.0, id)
    }

    /// Leaves its objects in the cluster when it ends; the kubeconfigs of its tenants go.
    pub fn keep(&self) {
        self.0.kept.store(true, Ordering::Relaxed);
    }

    /// A pod in the namespace `default`: a stranger to every tenant.
    #[must_use]
    #[track_caller]
    pub fn stranger(&self, name: &str) -> Pod {
        let name = self.0.name(name);
        let pod = format!("pod/{name}");
        if self.0.is_plain() {
            let delete = ["delete", "--ignore-not-found", "--namespace=default", &pod];
            self.0.stage.kubectl(delete).run().ok();
        }
        self.0.remove_at_the_end(pod);
        Pod::start(&self.0, "default", name)
    }
}

impl Cast {
    pub(super) fn name(&self, plain: &str) -> String {
        match &self.suffix {
            Some(suffix) => format!("{plain}-{suffix}"),
            None => plain.to_owned(),
        }
    }

    /// Whether names are plain, so that a last play's objects may still bear them.
    pub(super) fn is_plain(&self) -> bool {
        self.suffix.is_none()
    }

    /// A folder of the play's own, made now.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let folder = self
            .folder
            .as_ref()
            .map_or(Path::new(""), TempDir::path)
            .join(name);
        std::fs::create_dir_all(&folder).expect("because the play's own folder can be written");
        folder
    }

    pub(super) fn clear_at_the_end(&self, volumes: Volumes) {
        self.volumes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(volumes);
    }

    pub(super) fn remove_at_the_end(&self, object: String) {
        self.leftovers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(object);
    }
}

impl Drop for Cast {
    fn drop(&mut self) {
        let leftovers = std::mem::take(
            self.leftovers
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if *self.kept.get_mut() {
            return;
        }
        if env::var_os("DATALAB_KEEP").is_some_and(|keep| keep == "1") {
            let folder = self.folder.take().map(TempDir::keep).unwrap_or_default();
            let _ = writeln!(
                std::io::stderr(),
                "kept: {} and {}",
                leftovers.join(" "),
                folder.display()
            );
            return;
        }
        if !leftovers.is_empty() {
            let mut line = [
                "delete",
                "--wait=false",
                "--ignore-not-found",
                "--namespace=default",
            ]
            .map(str::to_owned)
            .to_vec();
            line.extend(leftovers);
            let output = self.stage.kubectl(line).run();
            // A panic here would hide the story's own.
            if !output.succeeded() {
                let _ = writeln!(std::io::stderr(), "not cleaned up:\n{output}");
            }
        }
        let volumes = self.volumes.get_mut();
        for volumes in volumes.unwrap_or_else(PoisonError::into_inner) {
            if let Err(error) = volumes.clear(&self.stage) {
                let _ = writeln!(std::io::stderr(), "not cleaned up: {error}");
            }
        }
    }
}

/// The suffix of one play.
pub(super) fn suffix() -> String {
    random::letters(5)
}
