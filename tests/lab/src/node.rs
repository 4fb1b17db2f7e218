//! The node: containerd, the kubelet, the pods' network, kube-proxy.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::control_plane::kubeconfig_of;
use crate::image::IMAGE;
use crate::layout::{
    BRIDGE, CONTAINERD_SOCKET, DNS_SERVICE, Layout, NODE, NODE_ADDRESS, POD_NETWORK,
};
use crate::packages;
use crate::part::Part;
use crate::state::{self, write_whole};
use crate::tools::Programs;

/// What went wrong while the configuration was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A JSON file.
    #[error(transparent)]
    State(#[from] state::Error),
    /// Another file.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// Writes the configuration of the node's parts.
pub(crate) fn configure(layout: &Layout) -> Result<(), Error> {
    write_whole(&layout.cni().join("10-lab.conflist"), &network(layout))?;
    write_whole(
        &layout.config("kubelet.json"),
        &kubelet_configuration(layout),
    )?;
    write_whole(
        &layout.config("kube-proxy.json"),
        &kube_proxy_configuration(layout),
    )?;
    // Empty: what the lab's DNS server does not know does not exist.
    write(&layout.config("resolv.conf"), "")?;
    write(
        &layout.config("containerd.toml"),
        &containerd_configuration(layout),
    )
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn network(layout: &Layout) -> serde_json::Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "lab",
        "plugins": [{
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": true,
            "hairpinMode": true,
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "dataDir": layout.data("cni"),
                "ranges": [[{
                    "subnet": POD_NETWORK,
                    "gateway": NODE_ADDRESS,
                    "rangeStart": "10.123.0.10",
                    "rangeEnd": "10.123.0.250",
                }]],
                "routes": [{ "dst": "0.0.0.0/0" }],
            },
        }],
    })
}

fn kubelet_configuration(layout: &Layout) -> serde_json::Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": layout.pki("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": layout.pki("kubelet.crt"),
        "tlsPrivateKeyFile": layout.pki("kubelet.key"),
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD_SOCKET}"),
        // No limits of the node's own: it shares the machine with everything else.
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": layout.config("resolv.conf"),
        "podLogsDir": layout.data("pod-logs"),
        "volumePluginDir": layout.data("volume-plugins"),
        // A full disk of the machine is no reason to evict pods or to delete the only image.
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
    })
}

fn kube_proxy_configuration(layout: &Layout) -> serde_json::Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": { "kubeconfig": kubeconfig_of(layout, "kube-proxy") },
        "mode": "nftables",
        "clusterCIDR": POD_NETWORK,
        "hostnameOverride": NODE,
        // These limits are the machine's, not the lab's.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    })
}

/// A path or name as a TOML string; JSON's strings are TOML's.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn containerd_configuration(layout: &Layout) -> String {
    let plugins = packages::plugin_folder().unwrap_or_default();
    format!(
        "version = 2\n\
         root = {root}\n\
         state = \"/run/containerd\"\n\
         disabled_plugins = [\"io.containerd.internal.v1.opt\"]\n\
         [grpc]\n\
         address = {socket}\n\
         [plugins.\"io.containerd.grpc.v1.cri\"]\n\
         sandbox_image = {image}\n\
         # Without CAP_SYS_RESOURCE runc cannot lower oom_score_adj and fails.\n\
         restrict_oom_score_adj = true\n\
         [plugins.\"io.containerd.grpc.v1.cri\".cni]\n\
         bin_dir = {bin_dir}\n\
         conf_dir = {conf_dir}\n",
        root = quoted(&layout.data("containerd").to_string_lossy()),
        socket = quoted(CONTAINERD_SOCKET),
        image = quoted(IMAGE),
        bin_dir = quoted(&plugins.to_string_lossy()),
        conf_dir = quoted(&layout.cni().to_string_lossy()),
    )
}

/// The container runtime.
pub(crate) fn containerd(layout: &Layout) -> Part {
    Part::new("containerd", Path::new("containerd"))
        .flag("config", layout.config("containerd.toml"))
}

/// The node's agent.
pub(crate) fn kubelet(layout: &Layout, programs: &Programs) -> Part {
    Part::new("kubelet", &programs.kubelet)
        .flag("config", layout.config("kubelet.json"))
        .flag("kubeconfig", kubeconfig_of(layout, "kubelet"))
        .flag("hostname-override", NODE)
        .flag("node-ip", NODE_ADDRESS.to_string())
        .flag("root-dir", layout.data("kubelet"))
}

/// Services.
pub(crate) fn kube_proxy(layout: &Layout, programs: &Programs) -> Part {
    Part::new("kube-proxy", &programs.kube_proxy).flag("config", layout.config("kube-proxy.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubelet_gives_pods_the_address_that_the_manifest_asks_for() {
        let manifest = include_str!("../manifests/coredns.yaml");
        assert!(manifest.contains(&format!("clusterIP: {DNS_SERVICE}\n")));
    }

    #[test]
    fn a_path_with_a_quote_stays_one_toml_string() {
        let layout = Layout::new(Path::new("/a \"b\""));
        let text = containerd_configuration(&layout);
        assert!(
            text.contains(r#"root = "/a \"b\"/data/containerd""#),
            "{text}"
        );
    }
}
