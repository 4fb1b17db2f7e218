//! Where things are in a lab's directory, and at which addresses in its network.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The node's name.
pub(crate) const NODE: &str = "lab";
/// The node's address, on the bridge of the pods.
pub(crate) const NODE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 123, 0, 1);
/// The bridge that connects the pods.
pub(crate) const BRIDGE: &str = "lab0";
/// The pods' network.
pub(crate) const POD_NETWORK: &str = "10.123.0.0/24";
/// The Services' network.
pub(crate) const SERVICE_NETWORK: &str = "10.96.0.0/16";
/// The API server's own Service.
pub(crate) const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// The Service of the DNS server; `manifests/coredns.yaml` asks for it.
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// The API server's port. Each lab has a network of its own, so that all may have the same.
pub(crate) const API_PORT: u16 = 6443;
/// containerd's socket, in the lab's own `/run`.
pub(crate) const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";
/// Where the node shows CoreDNS to its pod, in the lab's own `/run`.
pub(crate) const COREDNS: &str = "/run/coredns";

/// The paths of one lab. They are the same inside and outside of its namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    directory: PathBuf,
}

impl Layout {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }

    /// Folders that have to exist before anything is written.
    pub(crate) fn folders(&self) -> [PathBuf; 6] {
        ["bin", "cni", "config", "log", "pki", "tmp"].map(|name| self.directory.join(name))
    }

    /// A folder for the data of this part.
    pub(crate) fn data(&self, part: &str) -> PathBuf {
        self.directory.join("data").join(part)
    }

    /// For what the parts would leave in `/tmp`.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// Certificates and keys.
    pub(crate) fn pki(&self, file: &str) -> PathBuf {
        self.directory.join("pki").join(file)
    }

    /// Configuration files, and the kubeconfigs of the lab's own parts.
    pub(crate) fn config(&self, file: &str) -> PathBuf {
        self.directory.join("config").join(file)
    }

    /// The configuration of the pods' network.
    pub(crate) fn cni(&self) -> PathBuf {
        self.directory.join("cni")
    }

    /// What a part writes to its stdout and stderr.
    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.directory.join("log").join(format!("{part}.log"))
    }

    /// The API server's audit log, one JSON object a line.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.directory.join("log").join("audit.jsonl")
    }

    /// Which parts run.
    pub(crate) fn parts(&self) -> PathBuf {
        self.directory.join("parts.json")
    }

    /// What belongs in front of a user's PATH: kubectl and nothing else.
    pub(crate) fn bin(&self) -> PathBuf {
        self.directory.join("bin")
    }

    /// The program that the lab's first process runs; a copy, so that a rebuild does not matter.
    pub(crate) fn init_program(&self) -> PathBuf {
        self.directory.join("xtask")
    }

    /// The administrator's kubeconfig, for use from outside.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.directory.join("kubeconfig")
    }

    /// The administrator's kubeconfig, for use inside the lab's network.
    pub(crate) fn kubeconfig_inside(&self) -> PathBuf {
        self.config("admin.kubeconfig")
    }
}
