//! Which programs make up the lab, from which module each is built, and where it is.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::stamp::Stamp;

/// A Go module below `tests/tools` and the programs that are built from it.
#[derive(Debug)]
pub(super) struct Module {
    /// Its folder in `tests/tools`.
    pub(super) name: &'static str,
    /// Program and package, in the order in which they are built: the small ones first, so that
    /// a broken set-up shows early.
    pub(super) programs: &'static [(&'static str, &'static str)],
    /// Where its binaries keep their version.
    pub(super) stamp: Stamp,
}

pub(super) const MODULES: [Module; 2] = [
    Module {
        name: "kubernetes",
        programs: &[
            ("etcd", "go.etcd.io/etcd/server/v3"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            (
                "kube-controller-manager",
                "k8s.io/kubernetes/cmd/kube-controller-manager",
            ),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
            ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
        ],
        stamp: Stamp::Kubernetes,
    },
    Module {
        name: "coredns",
        programs: &[("coredns", "github.com/coredns/coredns")],
        stamp: Stamp::None,
    },
];

/// The operator of CloudNativePG, built for the first story that plays on it.
pub(super) const CLOUDNATIVE_PG: Module = Module {
    name: "cloudnative-pg",
    programs: &[(
        "manager",
        "github.com/cloudnative-pg/cloudnative-pg/cmd/manager",
    )],
    stamp: Stamp::CloudNativePg,
};

/// A program by somebody else, built for the first story that runs it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    /// int128/kubelogin, the peer of oidc-login.
    Kubelogin,
    /// Helm, which uses a kubeconfig as kubectl does.
    Helm,
    /// VersityGW, an object store that speaks as AWS does.
    VersityGw,
    /// mc, MinIO's client.
    Mc,
}

impl Client {
    /// Each of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 4] = [Self::Kubelogin, Self::Helm, Self::VersityGw, Self::Mc];

    /// The name of its program and of its module.
    pub(crate) fn name(self) -> &'static str {
        self.module().name
    }

    pub(super) fn module(self) -> &'static Module {
        match self {
            Self::Kubelogin => &KUBELOGIN,
            Self::Helm => &HELM,
            Self::VersityGw => &VERSITYGW,
            Self::Mc => &MC,
        }
    }
}

const KUBELOGIN: Module = Module {
    name: "kubelogin",
    programs: &[("kubelogin", "github.com/int128/kubelogin")],
    stamp: Stamp::None,
};

const HELM: Module = Module {
    name: "helm",
    programs: &[("helm", "helm.sh/helm/v3/cmd/helm")],
    stamp: Stamp::None,
};

const VERSITYGW: Module = Module {
    name: "versitygw",
    programs: &[("versitygw", "github.com/versity/versitygw/cmd/versitygw")],
    stamp: Stamp::None,
};

const MC: Module = Module {
    name: "mc",
    programs: &[("mc", "github.com/minio/mc")],
    stamp: Stamp::None,
};

/// Where each program of a lab is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Programs {
    /// The store behind the API server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// The controllers.
    pub kube_controller_manager: PathBuf,
    /// The scheduler.
    pub kube_scheduler: PathBuf,
    /// The node's agent.
    pub kubelet: PathBuf,
    /// Services.
    pub kube_proxy: PathBuf,
    /// The client, of the same version as the servers.
    pub kubectl: PathBuf,
    /// Names of Services.
    pub coredns: PathBuf,
    /// A NetworkPolicy engine to use instead of the lab's own.
    pub network_policy_engine: Option<PathBuf>,
}

impl Programs {
    /// The programs where `find` says they are.
    pub(super) fn locate<E>(find: impl Fn(&'static str) -> Result<PathBuf, E>) -> Result<Self, E> {
        Ok(Self {
            etcd: find("etcd")?,
            kube_apiserver: find("kube-apiserver")?,
            kube_controller_manager: find("kube-controller-manager")?,
            kube_scheduler: find("kube-scheduler")?,
            kubelet: find("kubelet")?,
            kube_proxy: find("kube-proxy")?,
            kubectl: find("kubectl")?,
            coredns: find("coredns")?,
            network_policy_engine: provided("network-policy-engine"),
        })
    }

    /// The folders in which the programs are, each once.
    pub(crate) fn folders(&self) -> BTreeSet<&Path> {
        let Self {
            etcd,
            kube_apiserver,
            kube_controller_manager,
            kube_scheduler,
            kubelet,
            kube_proxy,
            kubectl,
            coredns,
            network_policy_engine,
        } = self;
        [
            etcd,
            kube_apiserver,
            kube_controller_manager,
            kube_scheduler,
            kubelet,
            kube_proxy,
            kubectl,
            coredns,
        ]
        .into_iter()
        .chain(network_policy_engine)
        .filter_map(|program| program.parent())
        .collect()
    }

    /// All programs in one folder, whether they exist or not.
    #[cfg(test)]
    pub(crate) fn below(folder: &Path) -> Self {
        let find = |name| Ok::<_, std::convert::Infallible>(folder.join(name));
        let Ok(mut programs) = Self::locate(find);
        programs.network_policy_engine = None;
        programs
    }
}

/// The binary that the environment provides for this program.
pub(super) fn provided(program: &str) -> Option<PathBuf> {
    provided_by(program, |name| env::var_os(name))
}

fn provided_by(program: &str, get: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = format!("TEST_ASSET_{}", program.to_uppercase().replace('-', "_"));
    if let Some(path) = get(&variable).filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path));
    }
    let folder = get("KUBEBUILDER_ASSETS").filter(|path| !path.is_empty())?;
    Some(Path::new(&folder).join(program)).filter(|path| path.is_file())
}

/// Whether any program has to be built because the environment does not provide it.
pub(crate) fn needs_build() -> bool {
    MODULES
        .iter()
        .flat_map(|module| module.programs)
        .any(|(program, _)| provided(program).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_single_asset_wins_over_the_folder_of_assets() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("etcd"), "").unwrap();
        let assets = folder.path().as_os_str().to_owned();
        let get = |single: Option<&str>| {
            let single = single.map(OsString::from);
            provided_by("etcd", |name| match name {
                "TEST_ASSET_ETCD" => single.clone(),
                "KUBEBUILDER_ASSETS" => Some(assets.clone()),
                _ => None,
            })
        };
        assert_eq!(get(Some("/own/etcd")), Some(PathBuf::from("/own/etcd")));
        assert_eq!(get(None), Some(folder.path().join("etcd")));
        assert_eq!(get(Some("")), Some(folder.path().join("etcd")));
    }

    #[test]
    fn a_folder_without_the_program_provides_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let assets = folder.path().as_os_str().to_owned();
        let found = provided_by("kube-proxy", |name| {
            (name == "KUBEBUILDER_ASSETS").then(|| assets.clone())
        });
        assert_eq!(found, None);
    }

    #[test]
    fn dashes_become_underscores_in_the_variable() {
        let found = provided_by("kube-controller-manager", |name| {
            (name == "TEST_ASSET_KUBE_CONTROLLER_MANAGER").then(|| OsString::from("/kcm"))
        });
        assert_eq!(found, Some(PathBuf::from("/kcm")));
    }
}
