use std::collections::BTreeMap;

use datalab_core::cluster::api::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
        NetworkPolicySpec,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use datalab_core::words::Namespace;

use super::operator::{self, OPERATOR_NAMESPACE};
use crate::{
    catalogue::Database,
    share::{Identity, Keeper, base_labels, ours},
};

/// The label that the API server itself puts on every namespace, and that nobody can change.
///
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
pub(super) const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Lets the pods of the grantee's namespace reach the database's port, and no other.
pub(crate) fn grantee_policy(
    identity: &Identity,
    keeper: &Keeper,
    database: &Database,
) -> NetworkPolicy {
    let pods = NetworkPolicyPeer {
        namespace_selector: Some(labelled(NAMESPACE_NAME, identity.grantee.as_str())),
        ..NetworkPolicyPeer::default()
    };
    policy(
        ours(identity, keeper),
        database,
        vec![rule(pods, vec![database.target_port.clone()])],
    )
}

/// The name of the base policy of a database.
pub(crate) fn base_name(database: &str) -> String {
    format!("share-{database}-base")
}

/// Isolates a database that was open, and keeps served who has to be: its own namespace's pods, its
/// replicas and jobs among them; and the operator, where there is one.
pub(crate) fn base_policy(
    database: &Database,
    keeper: &Keeper,
    operator: Option<&Namespace>,
) -> NetworkPolicy {
    let metadata = ObjectMeta {
        name: Some(base_name(&database.name)),
        namespace: Some(database.namespace.to_string()),
        labels: Some(base_labels(&database.name)),
        owner_references: Some(vec![keeper.clone()]),
        annotations: operator
            .map(|operator| [(OPERATOR_NAMESPACE.to_owned(), operator.to_string())].into()),
        ..ObjectMeta::default()
    };
    let own_pods = NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    };
    let mut rules = vec![rule(own_pods, Vec::new())];
    rules.extend(operator.map(|namespace| {
        let ports = vec![
            IntOrString::Int(operator::STATUS_PORT),
            database.target_port.clone(),
        ];
        rule(operator::peer(namespace), ports)
    }));
    policy(metadata, database, rules)
}

/// A selector of one label.
pub(super) fn labelled(key: &str, value: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..LabelSelector::default()
    }
}

/// Lets a peer reach these ports; every port where there are none.
fn rule(peer: NetworkPolicyPeer, ports: Vec<IntOrString>) -> NetworkPolicyIngressRule {
    let ports: Vec<_> = ports
        .into_iter()
        .map(|port| NetworkPolicyPort {
            port: Some(port),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        })
        .collect();
    NetworkPolicyIngressRule {
        from: Some(vec![peer]),
        ports: Some(ports).filter(|ports| !ports.is_empty()),
    }
}

fn policy(
    metadata: ObjectMeta,
    database: &Database,
    rules: Vec<NetworkPolicyIngressRule>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(database.instance_labels()),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(rules),
            ..NetworkPolicySpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Two elements of `from` would mean either of both: any pod of the operator's namespace, and
    /// any pod anywhere that calls itself the operator.
    #[test]
    fn the_operator_is_its_namespace_and_its_label_at_once() {
        let service = json!({
            "metadata": {"name": "sales-rw"},
            "spec": {
                "selector": {"cnpg.io/cluster": "sales", "cnpg.io/instanceRole": "primary"},
                "ports": [{"name": "postgres", "port": 5432, "targetPort": 5432}],
            },
        });
        let namespace = "user-me".parse().unwrap();
        let database =
            Database::behind(&namespace, &serde_json::from_value(service).unwrap()).unwrap();
        let operator = "cnpg-system".parse().unwrap();
        let base = base_policy(&database, &Keeper::default(), Some(&operator));
        let instances =
            json!({"matchLabels": {"cnpg.io/cluster": "sales", "cnpg.io/podRole": "instance"}});
        assert_eq!(
            serde_json::to_value(base.spec).unwrap(),
            json!({
                "podSelector": instances,
                "policyTypes": ["Ingress"],
                "ingress": [
                    {"from": [{"podSelector": {}}]},
                    {
                        "from": [{
                            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cnpg-system"}},
                            "podSelector": {"matchLabels": {"app.kubernetes.io/name": "cloudnative-pg"}},
                        }],
                        "ports": [{"port": 8000, "protocol": "TCP"}, {"port": 5432, "protocol": "TCP"}],
                    },
                ],
            })
        );
        let identity = Identity {
            namespace,
            database: "sales".to_owned(),
            grantee: "user-x".parse().unwrap(),
        };
        let share = grantee_policy(&identity, &Keeper::default(), &database);
        let spec = serde_json::to_value(share.spec).unwrap();
        assert_eq!(
            spec["podSelector"], instances,
            "a replica becomes the primary"
        );
    }
}
