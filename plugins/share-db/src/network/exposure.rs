use std::collections::BTreeMap;

use datalab_core::{
    cluster::api::{
        api::networking::v1::{NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer},
        apimachinery::pkg::apis::meta::v1::LabelSelector,
    },
    words::Namespace,
};
use serde::Serialize;

use super::{
    operator::{STATUS_PORT, STATUS_PORT_NAME},
    policy::NAMESPACE_NAME,
};
use crate::{
    catalogue::{Database, PodPort},
    share,
};

/// Who is let in to a pod by the policies of its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum Exposure {
    /// No policy selects the pod for ingress: every pod of the cluster reaches every port.
    Open,
    /// Policies select it, but one of them lets everyone in.
    OpenedBy {
        /// The policies that do.
        policies: Vec<String>,
    },
    /// Only what its policies allow.
    Isolated {
        /// The policies that select it.
        policies: Vec<String>,
    },
}

impl Exposure {
    /// Whether every pod of the cluster reaches the database.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self, Self::Isolated { .. })
    }
}

/// The exposure of a pod with these labels, as to one of its ports.
///
/// <https://kubernetes.io/docs/concepts/services-networking/network-policies/>
pub(crate) fn exposure(
    policies: &[NetworkPolicy],
    labels: &BTreeMap<String, String>,
    port: &PodPort,
) -> Exposure {
    let selecting: Vec<&NetworkPolicy> = policies
        .iter()
        .filter(|policy| concerns_ingress(policy) && selects(policy, labels))
        .collect();
    let names = |policies: &[&NetworkPolicy]| {
        let mut names: Vec<String> = policies
            .iter()
            .filter_map(|policy| policy.metadata.name.clone())
            .collect();
        names.sort();
        names
    };
    if selecting.is_empty() {
        return Exposure::Open;
    }
    let opening: Vec<&NetworkPolicy> = selecting
        .iter()
        .copied()
        .filter(|policy| lets_everyone_in(policy, port))
        .collect();
    if opening.is_empty() {
        Exposure::Isolated {
            policies: names(&selecting),
        }
    } else {
        Exposure::OpenedBy {
            policies: names(&opening),
        }
    }
}

/// The policies but those of single shares, which let only grantees in: alone they would make an open
/// database look isolated, and shut its own namespace out.
pub(crate) fn without_shares(policies: &[NetworkPolicy]) -> Vec<NetworkPolicy> {
    let is_a_share = |policy: &&NetworkPolicy| {
        let labels = policy.metadata.labels.as_ref();
        labels.is_some_and(|labels| labels.contains_key(share::GRANTEE_LABEL))
            && share::is_ours(*policy).is_ok()
    };
    policies
        .iter()
        .filter(|policy| !is_a_share(policy))
        .cloned()
        .collect()
}

/// The policies that came with the database's release, or bear its name, and select none of its
/// pods: a box that was ticked and closes nothing.
pub(crate) fn idle_policies(
    policies: &[NetworkPolicy],
    database: &Database,
    labels: &BTreeMap<String, String>,
) -> Vec<String> {
    let is_its_own = |policy: &&NetworkPolicy| {
        let annotations = policy.metadata.annotations.as_ref();
        let release = annotations.and_then(|all| all.get("meta.helm.sh/release-name"));
        release == Some(&database.release) || policy.metadata.name.as_ref() == Some(&database.name)
    };
    policies
        .iter()
        .filter(is_its_own)
        .filter(|policy| concerns_ingress(policy) && !selects(policy, labels))
        .filter_map(|policy| policy.metadata.name.clone())
        .collect()
}

/// Whether the policies of a namespace let CloudNativePG's operator reach an instance with these
/// labels. Where its namespace is not known, a rule for some other one has the benefit of the doubt;
/// so have, in a namespace that is known, rules for some of its pods.
pub(crate) fn admits_operator(
    policies: &[NetworkPolicy],
    labels: &BTreeMap<String, String>,
    namespace: &Namespace,
    operator: Option<&Namespace>,
) -> bool {
    let port = PodPort {
        name: Some(STATUS_PORT_NAME.to_owned()),
        number: STATUS_PORT,
    };
    policies
        .iter()
        .filter(|policy| concerns_ingress(policy) && selects(policy, labels))
        .flat_map(|policy| rules_for(policy, &port))
        .any(|rule| match rule.from.as_deref() {
            None | Some([]) => true,
            Some(peers) => peers
                .iter()
                .any(|peer| may_be_of(peer, namespace, operator)),
        })
}

/// Whether a peer, in a policy of a namespace, may stand for pods of the operator's.
fn may_be_of(
    peer: &NetworkPolicyPeer,
    namespace: &Namespace,
    operator: Option<&Namespace>,
) -> bool {
    if peer.ip_block.is_some() {
        return true;
    }
    // Without a selector of namespaces, pods of the policy's own are meant.
    let Some(selector) = &peer.namespace_selector else {
        return operator == Some(namespace);
    };
    let named = selector
        .match_labels
        .as_ref()
        .and_then(|labels| labels.get(NAMESPACE_NAME));
    match (named, operator) {
        (Some(named), Some(operator)) => named == operator.as_str(),
        _ => true,
    }
}

fn concerns_ingress(policy: &NetworkPolicy) -> bool {
    let types = policy
        .spec
        .as_ref()
        .and_then(|spec| spec.policy_types.as_ref());
    // Unset means Ingress, always.
    types.is_none_or(|types| types.is_empty() || types.iter().any(|kind| kind == "Ingress"))
}

fn selects(policy: &NetworkPolicy, labels: &BTreeMap<String, String>) -> bool {
    policy.spec.as_ref().is_some_and(|spec| {
        spec.pod_selector
            .as_ref()
            .is_none_or(|selector| matches(selector, labels))
    })
}

/// The rules of a policy that are about a port.
fn rules_for<'p>(
    policy: &'p NetworkPolicy,
    port: &'p PodPort,
) -> impl Iterator<Item = &'p NetworkPolicyIngressRule> {
    policy
        .spec
        .iter()
        .flat_map(|spec| spec.ingress.iter().flatten())
        .filter(|rule| match rule.ports.as_deref() {
            None | Some([]) => true,
            Some(ports) => ports.iter().any(|allowed| port.is_in(allowed)),
        })
}

/// Whether some rule for the port has no peers, or a peer that stands for every namespace or every
/// address.
fn lets_everyone_in(policy: &NetworkPolicy, port: &PodPort) -> bool {
    rules_for(policy, port).any(|rule| match rule.from.as_deref() {
        None | Some([]) => true,
        Some(peers) => peers.iter().any(|peer| {
            let block = peer.ip_block.as_ref();
            if block.is_some_and(|block| matches!(block.cidr.as_str(), "0.0.0.0/0" | "::/0")) {
                return true;
            }
            let everywhere = |selector: &LabelSelector| {
                selector
                    .match_labels
                    .as_ref()
                    .is_none_or(BTreeMap::is_empty)
                    && selector
                        .match_expressions
                        .as_ref()
                        .is_none_or(Vec::is_empty)
            };
            peer.namespace_selector.as_ref().is_some_and(everywhere)
                && peer.pod_selector.as_ref().is_none_or(everywhere)
        }),
    })
}

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>
fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector
            .match_expressions
            .iter()
            .flatten()
            .all(|expression| {
                let found = labels.get(&expression.key);
                let listed = || {
                    found.is_some_and(|value| {
                        expression
                            .values
                            .iter()
                            .flatten()
                            .any(|listed| listed == value)
                    })
                };
                match expression.operator.as_str() {
                    "In" => listed(),
                    "NotIn" => !listed(),
                    "Exists" => found.is_some(),
                    "DoesNotExist" => found.is_none(),
                    _ => false,
                }
            })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(specs: &[serde_json::Value]) -> Exposure {
        let policies: Vec<NetworkPolicy> = specs
            .iter()
            .enumerate()
            .map(|(index, spec)| {
                serde_json::from_value(
                    json!({"metadata": {"name": format!("p{index}")}, "spec": spec}),
                )
                .unwrap()
            })
            .collect();
        let labels = [("app", "db"), ("component", "primary")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let port = PodPort {
            name: Some("tcp-postgresql".to_owned()),
            number: 5432,
        };
        exposure(&policies, &labels, &port)
    }

    #[test]
    fn a_policy_that_selects_something_else_isolates_nothing() {
        assert_eq!(of(&[]), Exposure::Open);
        assert_eq!(
            of(&[json!({"podSelector": {"matchLabels": {"app": "other"}}})]),
            Exposure::Open
        );
        assert_eq!(
            of(&[json!({"podSelector": {}, "policyTypes": ["Egress"]})]),
            Exposure::Open
        );
    }

    #[test]
    fn same_namespace_only_is_isolated() {
        let chart = json!({
            "podSelector": {"matchLabels": {"app": "db"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {}}]}],
        });
        assert_eq!(
            of(&[chart]),
            Exposure::Isolated {
                policies: vec!["p0".into()]
            }
        );
        let expression = json!({"podSelector": {"matchExpressions": [{"key": "component", "operator": "NotIn", "values": ["read"]}]}});
        assert!(!of(&[expression]).is_open());
    }

    #[test]
    fn an_operator_shut_out_is_seen() {
        let admitted = |rule: serde_json::Value, operator: Option<&str>| {
            let policy =
                json!({"metadata": {"name": "p"}, "spec": {"podSelector": {}, "ingress": [rule]}});
            let operator = operator.map(|name| name.parse().unwrap());
            admits_operator(
                &[serde_json::from_value(policy).unwrap()],
                &BTreeMap::new(),
                &"user-me".parse().unwrap(),
                operator.as_ref(),
            )
        };
        let of = |namespace: &str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}});
        let charts = json!({"from": [{"podSelector": {}}]});
        let database_only = json!({"from": [of("user-x")], "ports": [{"port": 5432}]});
        for rule in [charts.clone(), database_only] {
            assert!(!admitted(rule.clone(), None) && !admitted(rule, Some("cnpg-system")));
        }
        assert!(admitted(charts, Some("user-me")), "it is one of them");
        let by_name = |port: &str| json!({"from": [of("cnpg-system")], "ports": [{"port": port}]});
        assert!(admitted(by_name("status"), Some("cnpg-system")));
        assert!(!admitted(by_name("metrics"), Some("cnpg-system")));
        let its_own = json!({"from": [of("cnpg-system")], "ports": [{"port": 8000}]});
        assert!(admitted(its_own.clone(), None) && admitted(its_own.clone(), Some("cnpg-system")));
        assert!(!admitted(its_own, Some("elsewhere")));
        assert!(admitted(json!({}), Some("cnpg-system")));
        let by_label = json!({"from": [{"namespaceSelector": {"matchLabels": {"infra": "yes"}}}]});
        assert!(
            admitted(by_label, Some("cnpg-system")),
            "its labels cannot be seen"
        );
    }

    #[test]
    fn a_rule_for_everyone_opens() {
        for rule in [
            json!({}),
            json!({"from": []}),
            json!({"from": [{"namespaceSelector": {}}]}),
            json!({"ports": [{"port": 5432}]}),
            json!({"ports": [{"port": 5000, "endPort": 6000}]}),
            json!({"ports": [{"port": "tcp-postgresql", "protocol": "TCP"}]}),
            json!({"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}),
        ] {
            let policy = json!({"podSelector": {}, "ingress": [rule]});
            assert_eq!(
                of(&[policy]),
                Exposure::OpenedBy {
                    policies: vec!["p0".into()]
                }
            );
        }
        for rule in [
            json!({"ports": [{"port": 9187}]}),
            json!({"ports": [{"port": 5432, "protocol": "UDP"}]}),
            json!({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}),
        ] {
            assert!(!of(&[json!({"podSelector": {}, "ingress": [rule]})]).is_open());
        }
        let one_namespace = json!({"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]}]});
        assert!(!of(&[one_namespace]).is_open());
    }
}
