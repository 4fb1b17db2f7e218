use datalab_core::{
    cluster::{
        Cluster,
        api::{
            api::{apps::v1::ReplicaSet, core::v1::Pod},
            apimachinery::pkg::{apis::meta::v1::OwnerReference, util::intstr::IntOrString},
        },
    },
    report::{Failure, Kind},
};

use super::{
    Database,
    database::POSTGRES_PORT,
    readiness::{is_ready, no_primary},
};
use crate::postgres::Server;

/// The pod that takes writes.
#[derive(Clone, Debug)]
pub(crate) struct Primary {
    pub(crate) pod: Pod,
    pub(crate) name: String,
    /// The number of the port inside the pod.
    pub(crate) port: u16,
    /// What keeps the pod, and so outlives it: its StatefulSet, Cluster or Deployment.
    pub(crate) keeper: OwnerReference,
}

impl Primary {
    /// The server that runs in it.
    pub(crate) fn server(&self, cluster: &Cluster, database: &Database) -> Server {
        Server::new(cluster, &database.namespace, &self.name, self.port)
    }
}

/// The primary of a database.
///
/// # Errors
/// There is none right now; the failure says whether the database is suspended, starting or
/// between two primaries.
pub(crate) async fn primary(cluster: &Cluster, database: &Database) -> Result<Primary, Failure> {
    let pods = cluster
        .list::<Pod>(&database.namespace, &database.pods_selector())
        .await?;
    let serving: Vec<&Pod> = pods
        .iter()
        .filter(|pod| database.is_primary(pod) && is_ready(pod))
        .collect();
    let [pod] = serving.as_slice() else {
        return Err(no_primary(cluster, database, &pods).await);
    };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let Some(controller) = controller(pod.metadata.owner_references.as_deref()) else {
        return Err(Failure::new(
            Kind::Failed,
            format!("pod {name} is kept by nothing, so a share would outlive its database"),
        )
        .state("nothing was changed")
        .next(format!(
            "kubectl get pod {name} -n {} -o yaml",
            database.namespace
        )));
    };
    let keeper = lasting(cluster, database, controller).await?;
    Ok(Primary {
        port: port_number(pod, &database.target_port),
        keeper: OwnerReference {
            // Asks nothing of the keeper: neither that we control it, nor that it waits for us.
            controller: None,
            block_owner_deletion: None,
            ..keeper
        },
        name,
        pod: (*pod).clone(),
    })
}

fn controller(owners: Option<&[OwnerReference]>) -> Option<&OwnerReference> {
    owners
        .unwrap_or_default()
        .iter()
        .find(|owner| owner.controller == Some(true))
}

/// The keeper that outlives an update: a Deployment makes a ReplicaSet for each, and deletes the old
/// ones after a while.
async fn lasting(
    cluster: &Cluster,
    database: &Database,
    keeper: &OwnerReference,
) -> Result<OwnerReference, Failure> {
    if keeper.kind != "ReplicaSet" {
        return Ok(keeper.clone());
    }
    let set = cluster
        .get::<ReplicaSet>(&database.namespace, &keeper.name)
        .await?;
    let owners = set.and_then(|set| set.metadata.owner_references);
    Ok(controller(owners.as_deref()).unwrap_or(keeper).clone())
}

fn port_number(pod: &Pod, target: &IntOrString) -> u16 {
    let number = match target {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => pod
            .spec
            .iter()
            .flat_map(|spec| &spec.containers)
            .flat_map(|container| container.ports.iter().flatten())
            .find(|port| port.name.as_ref() == Some(name))
            .map(|port| port.container_port),
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .unwrap_or(POSTGRES_PORT as u16)
}
