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

use crate::{
    catalogue::Database,
    share::{Identity, Keeper, base_labels, ours},
};

/// The label that the API server itself puts on every namespace, and that nobody can change.
///
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Lets the pods of the grantee's namespace reach the database's port, and no other.
pub(crate) fn grantee_policy(
    identity: &Identity,
    keeper: &Keeper,
    database: &Database,
) -> NetworkPolicy {
    let namespace = LabelSelector {
        match_labels: Some(BTreeMap::from([(
            NAMESPACE_NAME.to_owned(),
            identity.grantee.to_string(),
        )])),
        ..LabelSelector::default()
    };
    policy(
        ours(identity, keeper),
        database,
        NetworkPolicyPeer {
            namespace_selector: Some(namespace),
            ..NetworkPolicyPeer::default()
        },
        Some(database.target_port.clone()),
    )
}

/// The name of the base policy of a database.
pub(crate) fn base_name(database: &str) -> String {
    format!("share-{database}-base")
}

/// Isolates a database that was open, and keeps its own namespace's pods served.
pub(crate) fn base_policy(database: &Database, keeper: &Keeper) -> NetworkPolicy {
    let metadata = ObjectMeta {
        name: Some(base_name(&database.name)),
        namespace: Some(database.namespace.to_string()),
        labels: Some(base_labels(&database.name)),
        owner_references: Some(vec![keeper.clone()]),
        ..ObjectMeta::default()
    };
    let own_pods = NetworkPolicyPeer {
        pod_selector: Some(LabelSelector::default()),
        ..NetworkPolicyPeer::default()
    };
    policy(metadata, database, own_pods, None)
}

fn policy(
    metadata: ObjectMeta,
    database: &Database,
    peer: NetworkPolicyPeer,
    port: Option<IntOrString>,
) -> NetworkPolicy {
    let ports = port.map(|port| {
        vec![NetworkPolicyPort {
            port: Some(port),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        }]
    });
    NetworkPolicy {
        metadata,
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(database.selector.clone()),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(vec![peer]),
                ports,
            }]),
            ..NetworkPolicySpec::default()
        }),
    }
}
