//! The configuration that Kubernetes gives to every pod.
//!
//! <https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/>

use std::path::{Path, PathBuf};

use super::file::{Cluster, Entry, User};
use crate::world::{World, read_text};

/// Where a service account's token, certificate authority and namespace are mounted.
pub(super) const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What a pod knows of its cluster, in the shape of kubeconfig entries.
pub(super) struct InCluster {
    pub(super) cluster: Entry<Cluster>,
    pub(super) user: Entry<User>,
    pub(super) namespace: Option<String>,
}

impl InCluster {
    /// The pod's configuration; `None` outside a pod, or in one without a service account's token.
    pub(super) fn detect(world: &World, mount: &Path) -> Option<Self> {
        let environment = world.environment();
        let host = environment.text("KUBERNETES_SERVICE_HOST")?;
        let port = environment.text("KUBERNETES_SERVICE_PORT")?;
        let token: PathBuf = mount.join("token");
        if !token.is_file() {
            return None;
        }
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let cluster = Cluster {
            server: Some(format!("https://{host}:{port}")),
            certificate_authority: Some("ca.crt".to_owned())
                .filter(|name| mount.join(name).is_file()),
            ..Cluster::default()
        };
        let user = User {
            token_file: Some("token".to_owned()),
            ..User::default()
        };
        Some(Self {
            cluster: Entry {
                value: cluster,
                file: token.clone(),
            },
            user: Entry {
                value: user,
                file: token,
            },
            namespace: namespace(world, mount),
        })
    }
}

/// The namespace of the pod that this program runs in; `None` outside a pod, or in one without a
/// service account.
pub fn pod_namespace(world: &World) -> Option<String> {
    namespace(world, Path::new(MOUNT))
}

/// Whether this program runs in a pod: by the variable that the kubelet sets in all of them, or by
/// its service account, since a login shell or RStudio clears the environment.
pub fn is_in_a_pod(world: &World) -> bool {
    let variable = world.environment().get("KUBERNETES_SERVICE_HOST");
    variable.is_some() || read_text(&Path::new(MOUNT).join("namespace")).is_ok()
}

fn namespace(world: &World, mount: &Path) -> Option<String> {
    let named = world.environment().text("POD_NAMESPACE");
    named.map(str::to_owned).or_else(|| {
        read_text(&mount.join("namespace"))
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    })
}
