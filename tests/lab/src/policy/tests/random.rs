//! Random clusters, small enough that their pods, policies and ports meet often.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use kube::core::{Expression, Selector};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Connection, Rules};
use crate::policy::model::{
    Cluster, Labels, Namespaces, Peer, Pod, PodName, Policy, Port, Protocol, Rule, Target,
};

const NAMESPACES: [&str; 2] = ["user-me", "user-x"];
const PORT_NAMES: [&str; 2] = ["sql", "web"];
const PORTS: [u16; 4] = [0, 80, 5432, u16::MAX];
const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
/// Hosts that are no pods, one in each network of [`networks`] and one in none.
const HOSTS: [&str; 4] = ["10.123.0.200", "192.0.2.1", "fd00::200", "2001:db8::1"];

fn labels() -> impl Strategy<Value = Labels> {
    btree_map(
        select(&["a", "b"][..]).prop_map(str::to_owned),
        select(&["x", "y"][..]).prop_map(str::to_owned),
        0..=2,
    )
}

fn selector() -> impl Strategy<Value = Selector> {
    let expression = (
        0..5,
        select(&["a", "b"][..]),
        btree_set(select(&["x", "y"][..]).prop_map(str::to_owned), 1..=2),
    )
        .prop_map(|(operator, key, values)| match operator {
            0 => Expression::Equal(key.to_owned(), values.into_iter().next().unwrap()),
            1 => Expression::In(key.to_owned(), values),
            2 => Expression::NotIn(key.to_owned(), values),
            3 => Expression::Exists(key.to_owned()),
            _ => Expression::DoesNotExist(key.to_owned()),
        });
    vec(expression, 0..=2).prop_map(|expressions| expressions.into_iter().collect())
}

fn networks() -> impl Strategy<Value = IpNet> {
    let networks = [
        "0.0.0.0/0",
        "10.123.0.0/24",
        "10.123.0.0/30",
        "10.123.0.2/32",
        "::/0",
        "fd00::/64",
        "fd00::/126",
    ];
    select(networks.map(|network| network.parse().unwrap()).to_vec())
}

fn peer() -> impl Strategy<Value = Peer> {
    let block = (networks(), vec(networks(), 0..=3)).prop_map(|(network, except)| Peer::Block {
        network,
        except: except
            .into_iter()
            .filter(|hole| *hole != network && network.contains(hole))
            .collect(),
    });
    let pods = (option::of(selector()), selector()).prop_map(|(namespaces, pods)| Peer::Pods {
        namespaces: namespaces.map_or(Namespaces::Own, Namespaces::Labelled),
        pods,
    });
    prop_oneof![block, pods]
}

fn port() -> impl Strategy<Value = Port> {
    let target = prop_oneof![
        Just(Target::All),
        (select(&PORTS[..]), select(&PORTS[..]))
            .prop_map(|(a, b)| Target::Numbers(a.min(b)..=a.max(b))),
        select(&PORT_NAMES[..]).prop_map(|name| Target::Named(name.to_owned())),
    ];
    (select(&PROTOCOLS[..]), target).prop_map(|(protocol, target)| Port { protocol, target })
}

fn rules() -> impl Strategy<Value = Option<Vec<Rule>>> {
    let rule = (vec(peer(), 0..=2), vec(port(), 0..=2));
    let rule = rule.prop_map(|(peers, ports)| Rule { peers, ports });
    option::of(vec(rule, 0..=2))
}

fn policy() -> impl Strategy<Value = Policy> {
    (select(&NAMESPACES[..]), selector(), rules(), rules()).prop_map(
        |(namespace, pods, ingress, egress)| Policy {
            namespace: namespace.to_owned(),
            name: "random".to_owned(),
            pods,
            ingress,
            egress,
        },
    )
}

/// Pods without their addresses, which [`cluster`] gives them by their place in the list.
fn pod() -> impl Strategy<Value = Pod> {
    let ports = btree_map(
        (
            select(&PROTOCOLS[..]),
            select(&PORT_NAMES[..]).prop_map(str::to_owned),
        ),
        select(&PORTS[..]),
        0..=3,
    );
    (select(&NAMESPACES[..]), labels(), ports).prop_map(|(namespace, labels, ports)| Pod {
        name: PodName {
            namespace: namespace.to_owned(),
            name: String::new(),
        },
        labels,
        addresses: BTreeSet::new(),
        ports,
        created: None,
    })
}

fn cluster() -> impl Strategy<Value = Cluster> {
    (
        [labels(), labels()],
        vec((pod(), 1..=3_u8), 1..=5),
        vec(policy(), 0..=4),
    )
        .prop_map(|(labels, pods, policies)| Cluster {
            namespaces: BTreeMap::from_iter(NAMESPACES.map(str::to_owned).into_iter().zip(labels)),
            pods: pods.into_iter().zip(1_u8..).map(addressed).collect(),
            policies,
        })
}

/// A pod with an address of the first, the second or both families.
fn addressed(((pod, families), number): ((Pod, u8), u8)) -> Pod {
    let v4 = (families & 1 != 0).then(|| IpAddr::from([10, 123, 0, number]));
    let v6 =
        (families & 2 != 0).then(|| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(number)]));
    Pod {
        name: PodName {
            name: format!("pod-{number}"),
            ..pod.name
        },
        addresses: v4.into_iter().chain(v6).collect(),
        ..pod
    }
}

proptest! {
    /// [`Rules::allow`] compares the two verdicts of every connection there can be.
    #[test]
    fn rules_and_semantics_agree(cluster in cluster()) {
        let hosts = HOSTS.map(|host| host.parse().unwrap());
        let pods = cluster.pods.iter().flat_map(|pod| pod.addresses.clone());
        let ends: Vec<IpAddr> = pods.chain(hosts).collect();
        let rules = Rules::of(cluster);
        for client in &ends {
            for server in ends.iter().filter(|server| server.is_ipv4() == client.is_ipv4()) {
                for protocol in PROTOCOLS {
                    for port in [0, 79, 80, 5432, u16::MAX] {
                        let (client, server) = (*client, *server);
                        rules.allow(Connection { client, server, protocol, port });
                    }
                }
            }
        }
    }
}
