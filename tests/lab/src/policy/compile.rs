//! From policies to flows: for each isolated pod, everything that it may receive and send, in
//! addresses and port numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;
use kube::core::SelectorExt;

use super::model::{Cluster, Namespaces, Peer, Pod, PodName, Policy, Port, Protocol, Rule, Target};

/// A pod that at least one policy isolates in at least one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The pod.
    pub pod: PodName,
    /// Its addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// All that may come in; none if everything may.
    pub ingress: Option<BTreeSet<Flow>>,
    /// All that may go out; none if everything may.
    pub egress: Option<BTreeSet<Flow>>,
}

/// Connections that are allowed: with these peers, to these ports of the connection's destination.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The other end.
    pub peers: Peers,
    /// The protocol and ports; none means every one.
    pub ports: Option<Ports>,
}

/// The other end of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peers {
    /// Everyone.
    All,
    /// These addresses.
    Addresses(BTreeSet<IpAddr>),
    /// A network without the exceptions.
    #[expect(missing_docs, reason = "the names say all")]
    Block {
        network: IpNet,
        except: BTreeSet<IpNet>,
    },
}

/// Ports of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The protocol.
    pub protocol: Protocol,
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

impl Ports {
    fn new(protocol: Protocol, numbers: RangeInclusive<u16>) -> Self {
        Self {
            protocol,
            first: *numbers.start(),
            last: *numbers.end(),
        }
    }
}

/// The isolated pods of a cluster, in order of their names.
///
/// Policies only ever allow: a pod selected by several may do what any of them allows. A pod always
/// reaches itself.
pub fn compile(cluster: &Cluster) -> Vec<Isolation> {
    let isolations = cluster.pods.iter().map(|pod| Isolation {
        pod: pod.name.clone(),
        addresses: pod.addresses.clone(),
        ingress: union(
            cluster,
            pod,
            |policy| policy.ingress.as_deref(),
            |policy, rule| ingress_flows(cluster, policy, rule, pod),
        ),
        egress: union(
            cluster,
            pod,
            |policy| policy.egress.as_deref(),
            |policy, rule| egress_flows(cluster, policy, rule),
        ),
    });
    isolations
        .filter(|isolation| isolation.ingress.is_some() || isolation.egress.is_some())
        .collect()
}

/// The flows of all rules that apply to a pod in one direction; none if no policy isolates it there.
fn union(
    cluster: &Cluster,
    pod: &Pod,
    rules_of: impl Fn(&Policy) -> Option<&[Rule]>,
    flows_of: impl Fn(&Policy, &Rule) -> Vec<Flow>,
) -> Option<BTreeSet<Flow>> {
    let mut flows = None;
    for policy in cluster
        .policies
        .iter()
        .filter(|policy| selects(policy, pod))
    {
        if let Some(rules) = rules_of(policy) {
            let flows = flows.get_or_insert_with(|| {
                BTreeSet::from([Flow {
                    peers: Peers::Addresses(pod.addresses.clone()),
                    ports: None,
                }])
            });
            flows.extend(rules.iter().flat_map(|rule| flows_of(policy, rule)));
        }
    }
    flows
}

fn selects(policy: &Policy, pod: &Pod) -> bool {
    policy.namespace == pod.name.namespace && policy.pods.matches(&pod.labels)
}

/// Named ports are those of the pod itself: it is the destination.
fn ingress_flows(cluster: &Cluster, policy: &Policy, rule: &Rule, pod: &Pod) -> Vec<Flow> {
    let ports: Vec<Option<Ports>> = if rule.ports.is_empty() {
        vec![None]
    } else {
        let ports = rule.ports.iter().filter_map(|port| resolve(port, pod));
        ports.map(Some).collect()
    };
    pairs(&peers(cluster, policy, rule), &ports)
}

/// Named ports differ from one destination to the next, so each is looked up in every pod that the
/// peers hold; what is not a pod has no named ports.
fn egress_flows(cluster: &Cluster, policy: &Policy, rule: &Rule) -> Vec<Flow> {
    let (named, numbered): (Vec<&Port>, Vec<&Port>) = rule
        .ports
        .iter()
        .partition(|port| matches!(port.target, Target::Named(_)));
    let peers = peers(cluster, policy, rule);
    let mut destinations: BTreeMap<Ports, BTreeSet<IpAddr>> = BTreeMap::new();
    for pod in cluster.pods.iter().filter(|_| !named.is_empty()) {
        let reached = pod
            .addresses
            .iter()
            .filter(|address| peers.iter().any(|peers| peers.hold(**address)));
        for ports in named.iter().filter_map(|port| resolve(port, pod)) {
            destinations
                .entry(ports)
                .or_default()
                .extend(reached.clone());
        }
    }
    let by_name = destinations.into_iter().map(|(ports, addresses)| Flow {
        peers: Peers::Addresses(addresses),
        ports: Some(ports),
    });
    let by_number: Vec<Option<Ports>> = if rule.ports.is_empty() {
        vec![None]
    } else {
        let ports = numbered.into_iter().filter_map(number);
        ports.map(Some).collect()
    };
    pairs(&peers, &by_number)
        .into_iter()
        .chain(by_name)
        .collect()
}

fn pairs(peers: &[Peers], ports: &[Option<Ports>]) -> Vec<Flow> {
    let flow = |peers: &Peers, ports: &Option<Ports>| Flow {
        peers: peers.clone(),
        ports: *ports,
    };
    peers
        .iter()
        .flat_map(|peers| ports.iter().map(move |ports| flow(peers, ports)))
        .collect()
}

/// A port on a destination; none if the destination has no port of that name.
fn resolve(port: &Port, destination: &Pod) -> Option<Ports> {
    match &port.target {
        Target::Named(name) => destination
            .port(port.protocol, name)
            .map(|number| Ports::new(port.protocol, number..=number)),
        Target::All | Target::Numbers(_) => number(port),
    }
}

/// A port that is the same on every destination; none for a named one.
fn number(port: &Port) -> Option<Ports> {
    match &port.target {
        Target::All => Some(Ports::new(port.protocol, 0..=u16::MAX)),
        Target::Numbers(numbers) => Some(Ports::new(port.protocol, numbers.clone())),
        Target::Named(_) => None,
    }
}

/// The peers of a rule as addresses: all selected pods as one set, each block by itself.
fn peers(cluster: &Cluster, policy: &Policy, rule: &Rule) -> Vec<Peers> {
    if rule.peers.is_empty() {
        return vec![Peers::All];
    }
    let mut peers = Vec::new();
    let mut addresses = BTreeSet::new();
    for peer in &rule.peers {
        match peer {
            Peer::Block { network, except } => peers.push(Peers::Block {
                network: *network,
                except: except.iter().copied().collect(),
            }),
            Peer::Pods { namespaces, pods } => addresses.extend(
                cluster
                    .pods
                    .iter()
                    .filter(|pod| {
                        within(cluster, policy, namespaces, pod) && pods.matches(&pod.labels)
                    })
                    .flat_map(|pod| &pod.addresses),
            ),
        }
    }
    if !addresses.is_empty() {
        peers.push(Peers::Addresses(addresses));
    }
    peers
}

fn within(cluster: &Cluster, policy: &Policy, namespaces: &Namespaces, pod: &Pod) -> bool {
    match namespaces {
        Namespaces::Own => policy.namespace == pod.name.namespace,
        Namespaces::Labelled(selector) => cluster
            .namespaces
            .get(&pod.name.namespace)
            .is_some_and(|labels| selector.matches(labels)),
    }
}

impl Peers {
    /// Whether an address is among them.
    pub fn hold(&self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Addresses(addresses) => addresses.contains(&address),
            Self::Block { network, except } => {
                network.contains(&address) && !except.iter().any(|hole| hole.contains(&address))
            }
        }
    }
}
