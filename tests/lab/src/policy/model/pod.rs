use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::jiff::Timestamp;

use super::Labels;

/// A pod that policies can speak of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name in its namespace.
    pub name: PodName,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses, one of each family at most; never none.
    pub addresses: BTreeSet<IpAddr>,
    /// Its containers' named ports.
    pub ports: BTreeMap<(Protocol, String), u16>,
    /// When it was created.
    pub created: Option<Timestamp>,
}

/// `namespace/name` of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodName {
    /// The namespace.
    pub namespace: String,
    /// The pod's own name.
    pub name: String,
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A protocol that a policy's port can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// Reads the API's word for it; none means TCP.
    pub(super) fn read(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("TCP") => Some(Self::Tcp),
            Some("UDP") => Some(Self::Udp),
            Some("SCTP") => Some(Self::Sctp),
            Some(_) => None,
        }
    }
}

impl Pod {
    /// Reads an API object. None for a pod that has no address of its own: one on the host's
    /// network (what policies do to it is undefined), a finished one (its address may be another's
    /// by now), or one that has not got its address yet.
    pub(super) fn read(pod: &core::Pod) -> Option<Self> {
        let spec = pod.spec.as_ref()?;
        let status = pod.status.as_ref()?;
        if spec.host_network == Some(true)
            || matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"))
        {
            return None;
        }
        let listed = status.pod_ips.iter().flatten().map(|entry| &entry.ip);
        let addresses: BTreeSet<IpAddr> = listed
            .chain(&status.pod_ip)
            .filter_map(|address| address.parse().ok())
            .collect();
        (!addresses.is_empty()).then(|| Self {
            name: PodName {
                namespace: pod.metadata.namespace.clone().unwrap_or_default(),
                name: pod.metadata.name.clone().unwrap_or_default(),
            },
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            addresses,
            ports: named_ports(spec),
            created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
        })
    }

    /// The number behind a named port, where the pod has one of that name and protocol.
    pub fn port(&self, protocol: Protocol, name: &str) -> Option<u16> {
        self.ports.get(&(protocol, name.to_owned())).copied()
    }
}

/// Of the containers that stay: the ordinary ones and the sidecars among the init containers.
fn named_ports(spec: &core::PodSpec) -> BTreeMap<(Protocol, String), u16> {
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let containers = spec.containers.iter().chain(sidecars);
    let mut ports = BTreeMap::new();
    for port in containers.flat_map(|container| container.ports.iter().flatten()) {
        if let (Some(name), Some(protocol), Ok(number)) = (
            &port.name,
            Protocol::read(port.protocol.as_deref()),
            u16::try_from(port.container_port),
        ) {
            ports.entry((protocol, name.clone())).or_insert(number);
        }
    }
    ports
}

/// An address belongs to the pod that was created last: a pod on its way out may still be listed
/// with an address that has been given again.
pub(super) fn latest_of_each_address(mut pods: Vec<Pod>) -> Vec<Pod> {
    pods.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
    let mut taken = BTreeSet::new();
    pods.retain_mut(|pod| {
        pod.addresses.retain(|address| taken.insert(*address));
        !pod.addresses.is_empty()
    });
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    pods
}
