//! Why a database takes no writes right now, as far as its pods, and who keeps them, tell.

use datalab_core::{
    cluster::{
        Cluster,
        api::api::{apps::v1::StatefulSet, core::v1::Pod},
    },
    report::{Failure, Kind},
};

use super::{Database, Engine};

/// Whether a pod serves: ready, and not on its way out.
pub(super) fn is_ready(pod: &Pod) -> bool {
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

/// The failure for a database whose pods hold no primary that serves, or more than one.
pub(super) async fn no_primary(cluster: &Cluster, database: &Database, pods: &[Pod]) -> Failure {
    let failure = match database.engine {
        Engine::CloudNativePg => in_operators_hands(database, pods),
        Engine::Chart => in_charts_hands(cluster, database, pods).await,
    };
    failure.state("nothing was changed")
}

async fn in_charts_hands(cluster: &Cluster, database: &Database, pods: &[Pod]) -> Failure {
    let name = &database.name;
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let why = match pods.first() {
        _ if ready > 1 => {
            format!(
                "{ready} ready pods call themselves primary of {name}: it is between two primaries"
            )
        }
        None if is_suspended(cluster, database).await => {
            return Failure::new(
                Kind::Unreachable,
                format!("database {name} is suspended: its StatefulSet asks for no pod"),
            )
            .next("resume the service in Onyxia, then the same command again");
        }
        None => format!("database {name} has no pod"),
        Some(pod) => format!("database {name} is not ready: {}", waiting_reason(pod)),
    };
    Failure::new(Kind::Unreachable, why).next(look_at_pods(database))
}

/// The Cluster itself, which would say that it is hibernated, is nothing that the admin of a
/// namespace may read: pods and their labels have to tell.
fn in_operators_hands(database: &Database, pods: &[Pod]) -> Failure {
    let name = &database.name;
    let (instances, jobs): (Vec<&Pod>, Vec<&Pod>) =
        pods.iter().partition(|pod| database.is_instance(pod));
    let primaries: Vec<&&Pod> = instances
        .iter()
        .filter(|pod| database.is_primary(pod))
        .collect();
    let failure = |why: String| Failure::new(Kind::Unreachable, why).next(look_at_pods(database));
    match (primaries.as_slice(), instances.as_slice(), jobs.as_slice()) {
        ([], [], []) => Failure::new(
            Kind::Unreachable,
            format!("database {name} has no pod: it is hibernated, as a suspended service is, or not made yet"),
        )
        .detail(format!(
            "its Cluster would say which, and is not for the admin of namespace {} to read",
            database.namespace
        ))
        .next("resume the service in Onyxia, then the same command again")
        .next(look_at_pods(database)),
        ([], [], [job, ..]) => failure(format!(
            "database {name} has no instance yet: {}",
            waiting_reason(job)
        )),
        ([], instances, _) => instances.iter().fold(
            failure(format!("database {name} has no primary: it is between two primaries")),
            |failure, pod| {
                let role = database.role_of(pod).unwrap_or("without a role yet");
                failure.detail(format!("{} is {role}", pod_name(pod)))
            },
        ),
        ([one], _, _) => failure(format!(
            "the primary of database {name} is not ready: {}",
            waiting_reason(one)
        )),
        (several, _, _) => failure(format!(
            "{} pods call themselves primary of {name}: it is between two primaries",
            several.len()
        )),
    }
}

fn look_at_pods(database: &Database) -> String {
    format!(
        "kubectl get pods -n {} -l {}",
        database.namespace,
        database.pods_selector()
    )
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

fn pod_name(pod: &Pod) -> &str {
    pod.metadata.name.as_deref().unwrap_or_default()
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
    let name = pod_name(pod);
    match waiting.or(unplaced) {
        _ if pod.metadata.deletion_timestamp.is_some() => format!("pod {name} is being deleted"),
        Some(reason) => format!("pod {name} is {phase} ({reason})"),
        None if phase == "Running" => format!("pod {name} runs, but its readiness probe fails"),
        None => format!("pod {name} is {phase}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(pods: &[serde_json::Value]) -> String {
        let service = json!({
            "metadata": {"name": "sales-rw"},
            "spec": {
                "selector": {"cnpg.io/cluster": "sales", "cnpg.io/instanceRole": "primary"},
                "ports": [{"name": "postgres", "port": 5432, "targetPort": 5432}],
            },
        });
        let service = serde_json::from_value(service).unwrap();
        let database = Database::behind(&"user-me".parse().unwrap(), &service).unwrap();
        let pods: Vec<Pod> = pods
            .iter()
            .map(|pod| serde_json::from_value(pod.clone()).unwrap())
            .collect();
        in_operators_hands(&database, &pods).to_string()
    }

    fn instance(name: &str, role: &str) -> serde_json::Value {
        json!({"metadata": {"name": name, "labels": {
            "cnpg.io/cluster": "sales", "cnpg.io/podRole": "instance", "cnpg.io/instanceRole": role,
        }}, "status": {"phase": "Running"}})
    }

    #[test]
    fn each_state_of_an_operators_database_is_named() {
        let none = told(&[]);
        assert!(none.contains("has no pod: it is hibernated"), "{none}");
        let job = json!({"metadata": {"name": "sales-1-initdb-x", "labels": {"cnpg.io/cluster": "sales"}}, "status": {"phase": "Running"}});
        let made = told(&[job]);
        assert!(
            made.contains("has no instance yet: pod sales-1-initdb-x"),
            "{made}"
        );
        let failing_over = told(&[
            instance("sales-1", "unhealthy"),
            instance("sales-2", "replica"),
        ]);
        assert!(
            failing_over.contains("between two primaries"),
            "{failing_over}"
        );
        assert!(
            failing_over.contains("sales-1 is unhealthy"),
            "{failing_over}"
        );
        let starting = told(&[
            instance("sales-2", "primary"),
            instance("sales-1", "replica"),
        ]);
        assert!(
            starting.contains("the primary of database sales is not ready: pod sales-2"),
            "{starting}"
        );
        let two = told(&[
            instance("sales-2", "primary"),
            instance("sales-1", "primary"),
        ]);
        assert!(two.contains("2 pods call themselves primary"), "{two}");
    }
}
