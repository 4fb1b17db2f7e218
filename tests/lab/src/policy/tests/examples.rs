//! The examples of the documentation's page on network policies, and the details its text gives.

use super::Rules;
use super::cluster::{self, namespace, pod, rules};
use super::{Connection, interpreter};
use crate::policy::compile::compile;
use crate::policy::model::Protocol;
use crate::policy::nft::render;

const DB: &str = "10.123.0.10";
const FRONTEND: &str = "10.123.0.11";
const OTHER: &str = "10.123.0.12";
const ALICE_CLIENT: &str = "10.123.0.20";
const ALICE_OTHER: &str = "10.123.0.21";
const OUTSIDE: &str = "192.0.2.1";
const NODE: &str = "10.123.0.1";

/// Three pods of `default` and two of `alice`, under some policies.
fn pods() -> [String; 7] {
    [
        namespace("default", ""),
        namespace("alice", "user: alice, project: myproject"),
        pod("default", "db", "role: db", DB),
        pod("default", "frontend", "role: frontend", FRONTEND),
        pod("default", "other", "", OTHER),
        pod("alice", "client", "role: client", ALICE_CLIENT),
        pod("alice", "other", "", ALICE_OTHER),
    ]
}

fn under(policies: &[&str]) -> Rules {
    let pods = pods();
    let documents: Vec<&str> = pods
        .iter()
        .map(String::as_str)
        .chain(policies.iter().copied())
        .collect();
    rules(&documents)
}

/// A policy of the namespace `default`.
fn policy(spec: &str) -> String {
    format!(
        "kind: NetworkPolicy\nmetadata: {{namespace: default, name: example}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn without_policies_everything_passes() {
    let rules = under(&[]);
    assert!(rules.tcp(OUTSIDE, DB, 1) && rules.tcp(DB, OUTSIDE, 1));
    assert!(rules.connect(ALICE_OTHER, DB, Protocol::Sctp, 65535));
}

#[test]
fn the_first_example_of_the_page() {
    let rules = under(&[r"
kind: NetworkPolicy
metadata: {namespace: default, name: test-network-policy}
spec:
  podSelector: {matchLabels: {role: db}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}
    - namespaceSelector: {matchLabels: {project: myproject}}
    - podSelector: {matchLabels: {role: frontend}}
    ports: [{protocol: TCP, port: 6379}]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.0/24}}]
    ports: [{protocol: TCP, port: 5978}]
"]);
    // "any pod in the default namespace with the label role=frontend"
    assert!(rules.tcp(FRONTEND, DB, 6379));
    assert!(!rules.tcp(OTHER, DB, 6379));
    // "any pod in a namespace with the label project=myproject"
    assert!(rules.tcp(ALICE_CLIENT, DB, 6379) && rules.tcp(ALICE_OTHER, DB, 6379));
    // "IP addresses in the ranges 172.17.0.0-172.17.0.255 and 172.17.2.0-172.17.255.255"
    for inside in ["172.17.0.0", "172.17.0.255", "172.17.2.0", "172.17.255.255"] {
        assert!(rules.tcp(inside, DB, 6379), "{inside}");
    }
    for outside in ["172.16.255.255", "172.17.1.0", "172.17.1.255", "172.18.0.0"] {
        assert!(!rules.tcp(outside, DB, 6379), "{outside}");
    }
    assert!(!rules.tcp(FRONTEND, DB, 6380));
    assert!(!rules.connect(FRONTEND, DB, Protocol::Udp, 6379));
    assert!(rules.tcp(DB, "10.0.0.255", 5978));
    assert!(!rules.tcp(DB, "10.0.0.255", 5979) && !rules.tcp(DB, "10.0.1.0", 5978));
    assert!(rules.tcp(DB, DB, 1), "a pod cannot block access to itself");
    assert!(rules.tcp(FRONTEND, OTHER, 1), "not selected, not isolated");
}

#[test]
fn both_selectors_in_one_element_are_and_in_two_are_or() {
    let (namespace, pod) = (
        "namespaceSelector: {matchLabels: {user: alice}}",
        "podSelector: {matchLabels: {role: client}}",
    );
    let db = "podSelector: {matchLabels: {role: db}}";
    let and = under(&[&policy(&format!(
        "{db}, ingress: [{{from: [{{{namespace}, {pod}}}]}}]"
    ))]);
    assert!(and.tcp(ALICE_CLIENT, DB, 1));
    assert!(!and.tcp(ALICE_OTHER, DB, 1) && !and.tcp(FRONTEND, DB, 1));

    let or = under(&[&policy(&format!(
        "{db}, ingress: [{{from: [{{{namespace}}}, {{podSelector: {{matchLabels: {{role: frontend}}}}}}]}}]"
    ))]);
    assert!(or.tcp(ALICE_CLIENT, DB, 1) && or.tcp(ALICE_OTHER, DB, 1));
    assert!(or.tcp(FRONTEND, DB, 1) && !or.tcp(OTHER, DB, 1));

    let own_namespace_only = under(&[&policy(&format!("{db}, ingress: [{{from: [{{{pod}}}]}}]"))]);
    assert!(!own_namespace_only.tcp(ALICE_CLIENT, DB, 1));
}

#[test]
fn default_policies() {
    let deny_ingress = under(&[&policy("podSelector: {}, policyTypes: [Ingress]")]);
    assert!(!deny_ingress.tcp(OTHER, DB, 1) && !deny_ingress.tcp(OUTSIDE, DB, 1));
    assert!(deny_ingress.tcp(DB, OUTSIDE, 1) && deny_ingress.tcp(DB, ALICE_OTHER, 1));

    let allow_ingress = policy("podSelector: {}, ingress: [{}], policyTypes: [Ingress]");
    assert!(under(&[&allow_ingress]).tcp(OUTSIDE, DB, 1));

    let deny_egress = policy("podSelector: {}, policyTypes: [Egress]");
    let rules = under(&[&deny_egress]);
    assert!(!rules.tcp(DB, OUTSIDE, 1) && !rules.tcp(DB, ALICE_OTHER, 1));
    assert!(rules.tcp(OUTSIDE, DB, 1));

    let allow_egress = policy("podSelector: {}, egress: [{}], policyTypes: [Egress]");
    assert!(under(&[&deny_egress, &allow_egress]).tcp(DB, OUTSIDE, 1));

    let deny_all = under(&[&policy("podSelector: {}, policyTypes: [Ingress, Egress]")]);
    assert!(!deny_all.tcp(DB, OUTSIDE, 1) && !deny_all.tcp(OUTSIDE, DB, 1));
    assert!(
        deny_all.tcp(ALICE_CLIENT, ALICE_OTHER, 1),
        "another namespace"
    );
}

#[test]
fn without_policy_types_egress_is_isolated_only_by_egress_rules() {
    let silent = under(&[&policy("podSelector: {}")]);
    assert!(!silent.tcp(OUTSIDE, DB, 1) && silent.tcp(DB, OUTSIDE, 1));
    let empty = under(&[&policy("podSelector: {}, egress: []")]);
    assert!(empty.tcp(DB, OUTSIDE, 1));
    let both = under(&[&policy("podSelector: {}, egress: [{ports: [{port: 443}]}]")]);
    assert!(!both.tcp(OUTSIDE, DB, 1));
    assert!(both.tcp(DB, OUTSIDE, 443) && !both.tcp(DB, OUTSIDE, 80));
}

#[test]
fn a_range_of_ports_includes_both_ends() {
    let rules = under(&[&policy(
        "podSelector: {matchLabels: {role: db}}, policyTypes: [Egress], egress: [{\
         to: [{ipBlock: {cidr: 10.0.0.0/24}}], ports: [{port: 32000, endPort: 32768}]}]",
    )]);
    for (port, allowed) in [(31999, false), (32000, true), (32768, true), (32769, false)] {
        assert_eq!(rules.tcp(DB, "10.0.0.7", port), allowed, "{port}");
    }
}

#[test]
fn namespaces_are_chosen_by_expressions() {
    let by = |expression: &str| {
        under(&[&policy(&format!(
            "podSelector: {{}}, egress: [{{to: [{{namespaceSelector: {{matchExpressions: \
             [{{key: {expression}}}]}}}}]}}], policyTypes: [Egress]"
        ))])
    };
    let name = "kubernetes.io/metadata.name, operator";
    for (expression, reaches_alice, reaches_default) in [
        (format!("{name}: In, values: [alice, bob]"), true, false),
        (format!("{name}: NotIn, values: [alice, bob]"), false, true),
        ("user, operator: Exists".to_owned(), true, false),
        ("user, operator: DoesNotExist".to_owned(), false, true),
        (
            "user, operator: NotIn, values: [bob]".to_owned(),
            true,
            true,
        ),
    ] {
        let rules = by(&expression);
        assert_eq!(rules.tcp(DB, ALICE_OTHER, 1), reaches_alice, "{expression}");
        assert_eq!(rules.tcp(DB, OTHER, 1), reaches_default, "{expression}");
    }
}

#[test]
fn a_named_port_is_that_of_the_destination() {
    let another = "kind: Pod\n\
         metadata: {namespace: alice, name: another, labels: {role: client}}\n\
         spec: {containers: [{name: main}], initContainers: [\
           {name: once, ports: [{name: web, containerPort: 1}]},\
           {name: sidecar, restartPolicy: Always, ports: [{name: web, containerPort: 9090}]}]}\n\
         status: {phase: Running, podIP: 10.123.0.30}\n";
    let ingress = policy("podSelector: {}, ingress: [{ports: [{port: web}]}]");
    let rules = under(&[&ingress]);
    assert!(rules.tcp(OUTSIDE, DB, 8080) && !rules.tcp(OUTSIDE, DB, 8081));
    assert!(
        !rules.connect(OUTSIDE, DB, Protocol::Udp, 8080),
        "web is TCP"
    );

    let wrong_protocol = policy("podSelector: {}, ingress: [{ports: [{port: dns}]}]");
    assert!(
        !under(&[&wrong_protocol]).tcp(OUTSIDE, DB, 53),
        "no TCP port is called dns"
    );

    let block = policy(
        "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: web}], to: [\
         {ipBlock: {cidr: 10.123.0.0/24, except: [10.123.0.30/32]}}]}]",
    );
    let rules = under(&[&block, another]);
    assert!(
        rules.tcp(DB, ALICE_CLIENT, 8080),
        "a pod in a block keeps its names"
    );
    assert!(
        !rules.tcp(DB, "10.123.0.30", 9090),
        "but not as an exception"
    );

    let egress = policy(
        "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: web}], to: [\
         {namespaceSelector: {matchLabels: {user: alice}}}, {ipBlock: {cidr: 192.0.2.0/24}}]}]",
    );
    let rules = under(&[&egress, another]);
    assert!(rules.tcp(DB, ALICE_CLIENT, 8080) && !rules.tcp(DB, ALICE_CLIENT, 9090));
    assert!(rules.tcp(DB, "10.123.0.30", 9090) && !rules.tcp(DB, "10.123.0.30", 8080));
    assert!(
        !rules.tcp(DB, "10.123.0.30", 1),
        "an init container that ends has no port"
    );
    assert!(
        !rules.tcp(DB, OUTSIDE, 8080),
        "what is no pod has no named port"
    );
    assert!(!rules.tcp(DB, OTHER, 8080));
}

#[test]
fn egress_to_the_node_is_judged() {
    let dns = policy(
        "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{protocol: UDP, port: 53}]}]",
    );
    let rules = under(&[&dns]);
    let to_node = |client, protocol, port| {
        interpreter::takes_in(
            &rules.text,
            Connection {
                client: cluster::address(client),
                server: cluster::address(NODE),
                protocol,
                port,
            },
        )
    };
    assert!(to_node(DB, Protocol::Udp, 53) && !to_node(DB, Protocol::Tcp, 6443));
    assert!(to_node(ALICE_OTHER, Protocol::Tcp, 6443));
    assert!(to_node(OUTSIDE, Protocol::Tcp, 6443));
}

#[test]
fn pods_without_an_address_of_their_own_are_ignored() {
    let odd = |name: &str, spec: &str, status: &str| {
        format!(
            "kind: Pod\n\
             metadata: {{namespace: default, name: {name}, labels: {{role: frontend}}}}\n\
             spec: {{containers: [], {spec}}}\n\
             status: {{{status}}}\n"
        )
    };
    let (a, b, c, d) = (
        odd(
            "host",
            "hostNetwork: true",
            &format!("phase: Running, podIP: {NODE}"),
        ),
        odd("done", "", "phase: Succeeded, podIP: 10.123.0.40"),
        odd("dead", "", "phase: Failed, podIP: 10.123.0.41"),
        odd("soon", "", "phase: Pending"),
    );
    let only_frontend = policy(
        "podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {role: frontend}}}]}]",
    );
    let rules = under(&[&a, &b, &c, &d, &only_frontend]);
    assert!(rules.tcp(FRONTEND, DB, 1));
    for address in [NODE, "10.123.0.40", "10.123.0.41"] {
        assert!(!rules.tcp(address, DB, 1), "{address} is no selected peer");
        assert!(rules.tcp(OUTSIDE, address, 1), "{address} is not isolated");
    }
}

#[test]
fn an_address_given_again_belongs_to_the_younger_pod() {
    let at = |name: &str, label: &str, created: &str| {
        pod("default", name, label, "10.123.0.50").replace(
            "metadata: {",
            &format!("metadata: {{creationTimestamp: {created}, "),
        )
    };
    let old = at("z-old", "role: db", "2026-01-01T00:00:00Z");
    let young = at("a-young", "role: frontend", "2026-01-01T00:00:01Z");
    let deny_db = policy("podSelector: {matchLabels: {role: db}}");
    assert!(under(&[&old, &young, &deny_db]).tcp(OUTSIDE, "10.123.0.50", 1));
    assert!(!under(&[&old, &deny_db]).tcp(OUTSIDE, "10.123.0.50", 1));
}

#[test]
fn a_policy_that_cannot_be_understood_is_not_left_out() {
    for spec in [
        "podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}",
        "podSelector: {}, ingress: [{from: [{}]}]",
        "podSelector: {}, ingress: [{from: [{ipBlock: {cidr: everything}}]}]",
        "podSelector: {}, ingress: [{ports: [{port: web, endPort: 80}]}]",
        "podSelector: {}, ingress: [{ports: [{port: 70000}]}]",
        "podSelector: {}, ingress: [{ports: [{port: 1, protocol: QUIC}]}]",
    ] {
        let error = cluster::read(&[&policy(spec)]).unwrap_err().to_string();
        assert!(
            error.starts_with("NetworkPolicy default/example: "),
            "{error}"
        );
    }
}

#[test]
fn the_rules_do_not_depend_on_the_order_of_objects() {
    let policies = [
        policy("podSelector: {}, ingress: [{from: [{podSelector: {}}]}]"),
        policy("podSelector: {}, ingress: [{ports: [{port: 443}]}]").replace("example", "second"),
    ];
    let pods = pods();
    let mut documents: Vec<&str> = pods.iter().chain(&policies).map(String::as_str).collect();
    let forwards = render(&compile(&cluster::read(&documents).unwrap()));
    documents.reverse();
    assert_eq!(
        forwards,
        render(&compile(&cluster::read(&documents).unwrap()))
    );
}
