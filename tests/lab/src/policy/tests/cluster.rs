//! Clusters written as the YAML that kubectl takes.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Connection, Rules};
use crate::policy::model::{Cluster, PolicyError, Protocol};

/// Reads namespaces, pods and policies out of YAML documents.
pub(super) fn read(documents: &[&str]) -> Result<Cluster, PolicyError> {
    let objects: Vec<Value> = documents
        .iter()
        .flat_map(|text| text.split("---\n"))
        .map(|text| serde_yaml::from_str(text).unwrap())
        .collect();
    Cluster::read(
        &of::<Namespace>(&objects, "Namespace"),
        &of::<Pod>(&objects, "Pod"),
        &of::<NetworkPolicy>(&objects, "NetworkPolicy"),
    )
}

fn of<K: DeserializeOwned>(objects: &[Value], kind: &str) -> Vec<K> {
    let objects = objects.iter().filter(|object| object["kind"] == kind);
    objects
        .map(|object| serde_json::from_value(object.clone()).unwrap())
        .collect()
}

pub(super) fn rules(documents: &[&str]) -> Rules {
    Rules::of(read(documents).unwrap())
}

pub(super) fn pod(namespace: &str, name: &str, labels: &str, address: &str) -> String {
    format!(
        "kind: Pod\n\
         metadata: {{namespace: {namespace}, name: {name}, labels: {{{labels}}}}}\n\
         spec: {{containers: [{{name: main, ports: [\
           {{name: web, containerPort: 8080}}, {{name: dns, containerPort: 53, protocol: UDP}}]}}]}}\n\
         status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}\n"
    )
}

pub(super) fn namespace(name: &str, labels: &str) -> String {
    format!(
        "kind: Namespace\n\
         metadata: {{name: {name}, labels: {{kubernetes.io/metadata.name: {name}, {labels}}}}}\n"
    )
}

impl Rules {
    /// Whether TCP passes between two addresses.
    pub(super) fn tcp(&self, client: &str, server: &str, port: u16) -> bool {
        self.connect(client, server, Protocol::Tcp, port)
    }

    pub(super) fn connect(
        &self,
        client: &str,
        server: &str,
        protocol: Protocol,
        port: u16,
    ) -> bool {
        self.allow(Connection {
            client: address(client),
            server: address(server),
            protocol,
            port,
        })
    }
}

pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
