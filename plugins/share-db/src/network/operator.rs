use datalab_core::{
    cluster::api::api::networking::v1::{NetworkPolicy, NetworkPolicyPeer},
    words::Namespace,
};

use super::policy::{NAMESPACE_NAME, labelled};

/// Where a base policy notes whose operator it lets in, so that the same grant finds it again.
pub(super) const OPERATOR_NAMESPACE: &str = "datalab/operator-namespace";

/// The port on which CloudNativePG asks each instance how it is, and tells it what to do.
///
/// <https://cloudnative-pg.io/documentation/current/networking/>
pub(super) const STATUS_PORT: i32 = 8000;

/// What its instances call that port, by which a policy may open it.
pub(super) const STATUS_PORT_NAME: &str = "status";

/// The operator's own label, by its manifest and its chart.
const OPERATOR: (&str, &str) = ("app.kubernetes.io/name", "cloudnative-pg");

/// The operator's pods in a namespace: both selectors in one element, which means both at once.
pub(super) fn peer(namespace: &Namespace) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(labelled(NAMESPACE_NAME, namespace.as_str())),
        pod_selector: Some(labelled(OPERATOR.0, OPERATOR.1)),
        ..NetworkPolicyPeer::default()
    }
}

/// The namespace of the operator that a base policy lets in.
pub(crate) fn operator_namespace(base: &NetworkPolicy) -> Option<Namespace> {
    let annotations = base.metadata.annotations.as_ref()?;
    annotations.get(OPERATOR_NAMESPACE)?.parse().ok()
}
