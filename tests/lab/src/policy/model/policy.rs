use std::ops::RangeInclusive;

use ipnet::IpNet;
use k8s_openapi::api::networking::v1 as networking;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::Selector;

use super::Protocol;

/// A NetworkPolicy with its defaults filled in.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The namespace whose pods it selects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pods it isolates.
    pub pods: Selector,
    /// What may come in; none if it does not isolate in this direction.
    pub ingress: Option<Vec<Rule>>,
    /// What may go out; none if it does not isolate in this direction.
    pub egress: Option<Vec<Rule>>,
}

/// One rule: a flow passes if its other end is one of the peers and its port one of the ports.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The other ends; empty means everyone.
    pub peers: Vec<Peer>,
    /// The ports; empty means every port of every protocol.
    pub ports: Vec<Port>,
}

/// One element of a rule's `from` or `to`.
#[derive(Debug, Clone)]
pub enum Peer {
    /// Pods for which both selectors hold.
    #[expect(missing_docs, reason = "the names say all")]
    Pods {
        namespaces: Namespaces,
        pods: Selector,
    },
    /// Addresses of a network, without the exceptions.
    #[expect(missing_docs, reason = "the names say all")]
    Block { network: IpNet, except: Vec<IpNet> },
}

/// Where the pods of a peer are looked for.
#[derive(Debug, Clone)]
pub enum Namespaces {
    /// In the policy's own namespace: the element has no namespaceSelector.
    Own,
    /// In the namespaces with these labels.
    Labelled(Selector),
}

/// One element of a rule's `ports`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// The ports of it.
    pub target: Target,
}

/// Which ports of a protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// All of them.
    All,
    /// These numbers.
    Numbers(RangeInclusive<u16>),
    /// The one that the destination's containers call so.
    Named(String),
}

/// A policy that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("NetworkPolicy {namespace}/{name}: {reason}")]
pub struct PolicyError {
    namespace: String,
    name: String,
    reason: String,
}

impl Policy {
    pub(super) fn read(object: &networking::NetworkPolicy) -> Result<Self, PolicyError> {
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        let name = object.metadata.name.clone().unwrap_or_default();
        let spec = object.spec.clone().unwrap_or_default();
        match directions(&spec) {
            Ok((pods, ingress, egress)) => Ok(Self {
                namespace,
                name,
                pods,
                ingress,
                egress,
            }),
            Err(reason) => Err(PolicyError {
                namespace,
                name,
                reason,
            }),
        }
    }
}

type Directions = (Selector, Option<Vec<Rule>>, Option<Vec<Rule>>);

/// Without policyTypes a policy always isolates for ingress, and for egress if it has egress rules.
fn directions(spec: &networking::NetworkPolicySpec) -> Result<Directions, String> {
    let ingress_rules = spec.ingress.iter().flatten();
    let ingress = ingress_rules.map(|rule| self::rule(rule.from.as_deref(), rule.ports.as_deref()));
    let egress_rules = spec.egress.iter().flatten();
    let egress = egress_rules.map(|rule| self::rule(rule.to.as_deref(), rule.ports.as_deref()));
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let isolates = |direction: &str, default: bool| match types {
        [] => default,
        named => named.iter().any(|word| word == direction),
    };
    let has_egress_rules = spec.egress.as_ref().is_some_and(|rules| !rules.is_empty());
    Ok((
        selector(spec.pod_selector.as_ref())?,
        isolates("Ingress", true)
            .then(|| ingress.collect())
            .transpose()?,
        isolates("Egress", has_egress_rules)
            .then(|| egress.collect())
            .transpose()?,
    ))
}

fn rule(
    peers: Option<&[networking::NetworkPolicyPeer]>,
    ports: Option<&[networking::NetworkPolicyPort]>,
) -> Result<Rule, String> {
    Ok(Rule {
        peers: peers
            .unwrap_or_default()
            .iter()
            .map(peer)
            .collect::<Result<_, _>>()?,
        ports: ports
            .unwrap_or_default()
            .iter()
            .map(port)
            .collect::<Result<_, _>>()?,
    })
}

fn peer(peer: &networking::NetworkPolicyPeer) -> Result<Peer, String> {
    match (&peer.ip_block, &peer.namespace_selector, &peer.pod_selector) {
        (Some(block), None, None) => Ok(Peer::Block {
            network: network(&block.cidr)?,
            except: block
                .except
                .iter()
                .flatten()
                .map(|cidr| network(cidr))
                .collect::<Result<_, _>>()?,
        }),
        (None, None, None) => Err("a peer without ipBlock and without selector".to_owned()),
        (Some(_), _, _) => Err("a peer with ipBlock and selectors".to_owned()),
        (None, namespaces, pods) => Ok(Peer::Pods {
            namespaces: match namespaces {
                None => Namespaces::Own,
                labelled => Namespaces::Labelled(selector(labelled.as_ref())?),
            },
            pods: selector(pods.as_ref())?,
        }),
    }
}

fn network(cidr: &str) -> Result<IpNet, String> {
    let network: IpNet = cidr
        .parse()
        .map_err(|_| format!("cidr {cidr:?} is not a network"))?;
    Ok(network.trunc())
}

fn port(port: &networking::NetworkPolicyPort) -> Result<Port, String> {
    let protocol = Protocol::read(port.protocol.as_deref())
        .ok_or_else(|| format!("unknown protocol {:?}", port.protocol))?;
    let target = match (&port.port, port.end_port) {
        (None, None) => Target::All,
        (Some(IntOrString::Int(first)), last) => {
            Target::Numbers(number(*first)?..=number(last.unwrap_or(*first))?)
        }
        (Some(IntOrString::String(name)), None) => Target::Named(name.clone()),
        (None | Some(IntOrString::String(_)), Some(_)) => {
            return Err("endPort without a numeric port".to_owned());
        }
    };
    Ok(Port { protocol, target })
}

fn number(port: i32) -> Result<u16, String> {
    u16::try_from(port).map_err(|_| format!("{port} is not a port number"))
}

/// A selector that is absent, like an empty one, selects everything.
fn selector(selector: Option<&LabelSelector>) -> Result<Selector, String> {
    let selector = selector.cloned().unwrap_or_default();
    Selector::try_from(selector).map_err(|error| error.to_string())
}
