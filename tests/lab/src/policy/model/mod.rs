//! What a policy verdict depends on, taken out of the API objects: labels of namespaces, pods with
//! an address, and policies with their defaults filled in.

mod pod;
mod policy;

use std::collections::BTreeMap;

use k8s_openapi::api::{
    core::v1 as core, core::v1::Namespace as NamespaceObject, networking::v1 as networking,
};

pub use pod::{Pod, PodName, Protocol};
pub use policy::{Namespaces, Peer, Policy, PolicyError, Port, Rule, Target};

/// Labels of a namespace or a pod.
pub type Labels = BTreeMap<String, String>;

/// The cluster at one moment, as far as NetworkPolicy looks at it.
#[derive(Debug, Default, Clone)]
pub struct Cluster {
    /// Labels by namespace name.
    pub namespaces: BTreeMap<String, Labels>,
    /// Pods that policies can speak of; no two of them share an address.
    pub pods: Vec<Pod>,
    /// All policies of all namespaces.
    pub policies: Vec<Policy>,
}

impl Cluster {
    /// Reads the objects of the API.
    ///
    /// # Errors
    /// The first policy that cannot be understood: leaving it out would open what it closes.
    pub fn read<'a>(
        namespaces: impl IntoIterator<Item = &'a NamespaceObject>,
        pods: impl IntoIterator<Item = &'a core::Pod>,
        policies: impl IntoIterator<Item = &'a networking::NetworkPolicy>,
    ) -> Result<Self, PolicyError> {
        let namespaces = namespaces.into_iter().map(|namespace| {
            let metadata = &namespace.metadata;
            (
                metadata.name.clone().unwrap_or_default(),
                metadata.labels.clone().unwrap_or_default(),
            )
        });
        let mut policies = policies
            .into_iter()
            .map(Policy::read)
            .collect::<Result<Vec<_>, _>>()?;
        policies.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(Self {
            namespaces: namespaces.collect(),
            pods: pod::latest_of_each_address(pods.into_iter().filter_map(Pod::read).collect()),
            policies,
        })
    }
}
