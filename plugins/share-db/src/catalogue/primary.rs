use std::time::Duration;

use datalab_core::{
    cluster::{
        Cluster,
        api::{
            api::{
                apps::v1::{ReplicaSet, StatefulSet},
                core::v1::Pod,
            },
            apimachinery::pkg::{apis::meta::v1::OwnerReference, util::intstr::IntOrString},
        },
    },
    report::{Failure, Kind},
};

use super::{Database, Engine, database::POSTGRES_PORT};
use crate::postgres::Server;

/// How often a waiting command looks again.
const POLL: Duration = Duration::from_secs(1);

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
        Server {
            cluster: cluster.clone(),
            namespace: database.namespace.clone(),
            pod: self.name.clone(),
            port: self.port,
        }
    }
}

/// The primary of a database.
///
/// # Errors
/// There is none right now; the failure says whether the database is suspended, starting or
/// between two primaries.
pub(crate) async fn primary(cluster: &Cluster, database: &Database) -> Result<Primary, Failure> {
    let pods = cluster
        .list::<Pod>(&database.namespace, &database.label_selector())
        .await?;
    let ready: Vec<&Pod> = pods.iter().filter(|pod| is_ready(pod)).collect();
    let [pod] = ready.as_slice() else {
        return Err(absent(cluster, database, &pods, ready.len()).await);
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

/// As [`primary`], looking again for as long as the failure may pass.
pub(crate) async fn wait_for_primary(
    cluster: &Cluster,
    database: &Database,
    patience: Option<Duration>,
) -> Result<Primary, Failure> {
    let mut left = patience.unwrap_or_default();
    loop {
        let failure = match primary(cluster, database).await {
            Err(failure) if failure.kind() == Kind::Unreachable => failure,
            result => return result,
        };
        if left.is_zero() {
            return Err(match patience {
                Some(patience) => failure.detail(format!("waited {} s", patience.as_secs())),
                None => failure.next("the same command with --wait"),
            });
        }
        let pause = POLL.min(left);
        left -= pause;
        tokio::time::sleep(pause).await;
    }
}

async fn absent(cluster: &Cluster, database: &Database, pods: &[Pod], ready: usize) -> Failure {
    let Database {
        name, namespace, ..
    } = database;
    let why = if ready > 1 {
        format!("{ready} ready pods call themselves primary of {name}: it is between two primaries")
    } else if pods.is_empty() && is_suspended(cluster, database).await {
        return Failure::new(
            Kind::Unreachable,
            format!("database {name} is suspended: its StatefulSet asks for no pod"),
        )
        .state("nothing was changed")
        .next("resume the service in Onyxia, then the same command again");
    } else if pods.is_empty() && database.engine == Engine::CloudNativePg {
        format!("database {name} has no primary: it is hibernated, or between two primaries")
    } else if pods.is_empty() {
        format!("database {name} has no pod")
    } else {
        format!("database {name} is not ready: {}", waiting_reason(&pods[0]))
    };
    Failure::new(Kind::Unreachable, why)
        .state("nothing was changed")
        .next(format!(
            "kubectl get pods -n {namespace} -l {}",
            database.label_selector()
        ))
}

async fn is_suspended(cluster: &Cluster, database: &Database) -> bool {
    let set = cluster
        .get::<StatefulSet>(&database.namespace, &database.name)
        .await;
    set.ok()
        .flatten()
        .and_then(|set| set.spec)
        .is_some_and(|spec| spec.replicas == Some(0))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    pod.metadata.deletion_timestamp.is_none()
        && conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn waiting_reason(pod: &Pod) -> String {
    let status = pod.status.clone().unwrap_or_default();
    let waiting = status
        .container_statuses
        .into_iter()
        .flatten()
        .find_map(|container| container.state?.waiting?.reason);
    let unplaced = status
        .conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .and_then(|condition| condition.message)
        // The scheduler goes on with what preemption would help, a sentence of its own.
        .map(|message| message.split(". ").next().unwrap_or_default().to_owned());
    let phase = status.phase.unwrap_or_else(|| "unknown".to_owned());
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    match waiting.or(unplaced) {
        _ if pod.metadata.deletion_timestamp.is_some() => format!("pod {name} is being deleted"),
        Some(reason) => format!("pod {name} is {phase} ({reason})"),
        None if phase == "Running" => format!("pod {name} runs, but its readiness probe fails"),
        None => format!("pod {name} is {phase}"),
    }
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
