//! What a policy allows, read off the documentation's sentences one connection at a time: slow,
//! and without any of the compiler's steps.

use std::net::IpAddr;

use kube::core::SelectorExt as _;

use super::Connection;
use crate::policy::model::{Cluster, Namespaces, Peer, Pod, Policy, Port, Rule, Target};

/// "For a connection from a source pod to a destination pod to be allowed, both the egress policy
/// on the source pod and the ingress policy on the destination pod need to allow the connection."
pub(super) fn allow(cluster: &Cluster, connection: Connection) -> bool {
    let client = pod_at(cluster, connection.client);
    let server = pod_at(cluster, connection.server);
    // "A Pod cannot block access to itself."
    if let (Some(client), Some(server)) = (client, server)
        && client.name == server.name
    {
        return true;
    }
    let passes = |pod: Option<&Pod>, other, rules: fn(&Policy) -> Option<&Vec<Rule>>| {
        pod.is_none_or(|pod| {
            let mut isolating = cluster
                .policies
                .iter()
                .filter(|policy| policy.namespace == pod.name.namespace)
                .filter(|policy| policy.pods.matches(&pod.labels))
                .filter_map(|policy| Some((policy, rules(policy)?)))
                .peekable();
            isolating.peek().is_none()
                || isolating.any(|(policy, rules)| {
                    rules.iter().any(|rule| {
                        has_peer(cluster, policy, rule, other) && has_port(rule, server, connection)
                    })
                })
        })
    };
    passes(client, connection.server, |policy| policy.egress.as_ref())
        && passes(server, connection.client, |policy| policy.ingress.as_ref())
}

fn pod_at(cluster: &Cluster, address: IpAddr) -> Option<&Pod> {
    cluster
        .pods
        .iter()
        .find(|pod| pod.addresses.contains(&address))
}

fn has_peer(cluster: &Cluster, policy: &Policy, rule: &Rule, other: IpAddr) -> bool {
    rule.peers.is_empty()
        || rule.peers.iter().any(|peer| match peer {
            Peer::Block { network, except } => {
                network.contains(&other) && !except.iter().any(|hole| hole.contains(&other))
            }
            Peer::Pods { namespaces, pods } => pod_at(cluster, other).is_some_and(|pod| {
                let namespace = &pod.name.namespace;
                pods.matches(&pod.labels)
                    && match namespaces {
                        Namespaces::Own => *namespace == policy.namespace,
                        Namespaces::Labelled(selector) => {
                            selector.matches(&cluster.namespaces[namespace])
                        }
                    }
            }),
        })
}

fn has_port(rule: &Rule, server: Option<&Pod>, connection: Connection) -> bool {
    let is = |port: &Port| {
        port.protocol == connection.protocol
            && match &port.target {
                Target::All => true,
                Target::Numbers(numbers) => numbers.contains(&connection.port),
                Target::Named(name) => server
                    .and_then(|pod| pod.port(port.protocol, name))
                    .is_some_and(|number| number == connection.port),
            }
    };
    rule.ports.is_empty() || rule.ports.iter().any(is)
}
