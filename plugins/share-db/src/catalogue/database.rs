use std::collections::BTreeMap;

use datalab_core::{
    cluster::api::{
        api::core::v1::{Pod, Service, ServicePort},
        apimachinery::pkg::{apis::meta::v1::Time, util::intstr::IntOrString},
    },
    words::Namespace,
};

use super::PodPort;

/// PostgreSQL's own port, as registered.
pub(crate) const POSTGRES_PORT: i32 = 5432;

/// The label of everything that belongs to one Cluster of CloudNativePG; its jobs have it as well.
///
/// <https://cloudnative-pg.io/documentation/current/labels_annotations/>
const CLUSTER: &str = "cnpg.io/cluster";

/// The label that tells an instance from a job.
const INSTANCE: (&str, &str) = ("cnpg.io/podRole", "instance");

/// The label that tells the primary from a replica, and what it was called before.
const ROLES: [&str; 2] = ["cnpg.io/instanceRole", "role"];

/// Who keeps the database's pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A chart's StatefulSet.
    Chart,
    /// The CloudNativePG operator, which has to reach the pods too.
    CloudNativePg,
}

/// One database of a namespace, as its Service shows it.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    pub(crate) namespace: Namespace,
    /// The name that the chart gave its objects: the Service, its Secret, its pods.
    pub(crate) name: String,
    /// The Helm release, where a label says so; else the name.
    pub(crate) release: String,
    pub(crate) engine: Engine,
    pub(crate) service: String,
    pub(crate) service_port: i32,
    /// Where the Service leads: a number, or the name of a container's port.
    pub(crate) target_port: IntOrString,
    /// The labels of the pods that the Service selects.
    pub(crate) selector: BTreeMap<String, String>,
    pub(crate) created: Option<Time>,
}

impl Database {
    /// The database that a Service leads to, if it leads to one.
    ///
    /// Charts differ; what they share is a Service with PostgreSQL's port and a selector. Headless
    /// Services, those of replicas, poolers and metrics are left out: they lead to the same database
    /// another time.
    pub(crate) fn behind(namespace: &Namespace, service: &Service) -> Option<Self> {
        let meta = &service.metadata;
        let spec = service.spec.as_ref()?;
        let name = meta.name.clone()?;
        let labels = meta.labels.clone().unwrap_or_default();
        let selector = spec
            .selector
            .clone()
            .filter(|selector| !selector.is_empty())?;
        let port = spec.ports.iter().flatten().find(|port| is_postgres(port))?;
        if spec.cluster_ip.as_deref() == Some("None") {
            return None;
        }
        let label = |key: &str| {
            labels
                .get(key)
                .or_else(|| selector.get(key))
                .map(String::as_str)
        };
        if matches!(
            label("app.kubernetes.io/component"),
            Some("read" | "metrics" | "pgpool" | "pooler")
        ) || selector.contains_key("cnpg.io/poolerName")
        {
            return None;
        }
        let (engine, chart_name) = match selector.get(CLUSTER) {
            // The operator makes -rw, -ro and -r; only the first leads to the primary.
            Some(cluster) => {
                let role = ROLES.iter().find_map(|key| selector.get(*key));
                if role.map(String::as_str) != Some("primary") {
                    return None;
                }
                (Engine::CloudNativePg, cluster.clone())
            }
            None => (Engine::Chart, name.clone()),
        };
        let release = meta
            .annotations
            .as_ref()
            .and_then(|annotations| annotations.get("meta.helm.sh/release-name"))
            .cloned()
            .or_else(|| label("app.kubernetes.io/instance").map(str::to_owned))
            .unwrap_or_else(|| chart_name.clone());
        Some(Self {
            namespace: namespace.clone(),
            name: chart_name,
            release,
            engine,
            service: name,
            service_port: port.port,
            target_port: port
                .target_port
                .clone()
                .unwrap_or(IntOrString::Int(port.port)),
            selector,
            created: meta.creation_timestamp.clone(),
        })
    }

    /// The name by which pods of every namespace find it.
    pub(crate) fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// The names by which pods of every namespace find it, the usual one first. The second is right
    /// where the cluster's domain is the default one; the charts' certificates have no other.
    pub(crate) fn hosts(&self) -> Vec<String> {
        let host = self.host();
        let full = format!("{host}.cluster.local");
        vec![host, full, format!("{}.{}", self.service, self.namespace)]
    }

    /// The port of its pods, as policies may name it.
    pub(crate) fn pod_port(&self) -> PodPort {
        PodPort::behind(&self.target_port, self.service_port)
    }

    /// The labels of the pods that policies have to select: those of the Service; or all instances
    /// of an operator, since a replica becomes the primary, and none of its jobs.
    pub(crate) fn instance_labels(&self) -> BTreeMap<String, String> {
        match self.engine {
            Engine::Chart => self.selector.clone(),
            Engine::CloudNativePg => [(CLUSTER, self.name.as_str()), INSTANCE]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// The pods that tell how the database is, as the selector of a request: an operator's jobs too,
    /// and its instances whatever their role.
    pub(crate) fn pods_selector(&self) -> String {
        let pairs: Vec<String> = match self.engine {
            Engine::Chart => self
                .selector
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
            Engine::CloudNativePg => vec![format!("{CLUSTER}={}", self.name)],
        };
        pairs.join(",")
    }

    /// Whether a pod runs the server.
    pub(crate) fn is_instance(&self, pod: &Pod) -> bool {
        has_labels(pod, &self.instance_labels())
    }

    /// Whether the Service leads to a pod.
    pub(crate) fn is_primary(&self, pod: &Pod) -> bool {
        has_labels(pod, &self.selector) && self.is_instance(pod)
    }

    /// What the operator calls an instance: `primary`, `replica`, or `unhealthy` while it fails over.
    pub(crate) fn role_of<'p>(&self, pod: &'p Pod) -> Option<&'p str> {
        let labels = pod.metadata.labels.as_ref()?;
        ROLES
            .iter()
            .find_map(|key| labels.get(*key))
            .map(String::as_str)
    }
}

fn has_labels(pod: &Pod, wanted: &BTreeMap<String, String>) -> bool {
    let labels = pod.metadata.labels.as_ref();
    wanted
        .iter()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

fn is_postgres(port: &ServicePort) -> bool {
    let target = match &port.target_port {
        Some(IntOrString::Int(number)) => *number == POSTGRES_PORT,
        Some(IntOrString::String(name)) => name.contains("postgres") || name == "pgsql",
        None => false,
    };
    let named = port
        .name
        .as_deref()
        .is_some_and(|name| name.contains("postgres") || name == "pgsql");
    port.port == POSTGRES_PORT || target || named
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn behind(service: serde_json::Value) -> Option<Database> {
        Database::behind(
            &"user-me".parse().unwrap(),
            &serde_json::from_value(service).unwrap(),
        )
    }

    #[test]
    fn the_chart_with_a_stateful_set() {
        let service = |cluster_ip: &str, component: &str| {
            json!({
                "metadata": {
                    "name": "postgresql-951239",
                    "labels": {"app.kubernetes.io/instance": "postgresql-951239", "app.kubernetes.io/component": component},
                },
                "spec": {
                    "clusterIP": cluster_ip,
                    "selector": {"app.kubernetes.io/instance": "postgresql-951239"},
                    "ports": [{"name": "tcp-postgresql", "port": 5432, "targetPort": "tcp-postgresql"}],
                },
            })
        };
        let database = behind(service("10.96.0.7", "primary")).unwrap();
        assert_eq!(
            (database.name.as_str(), database.engine),
            ("postgresql-951239", Engine::Chart)
        );
        assert_eq!(database.host(), "postgresql-951239.user-me.svc");
        assert_eq!(
            database.hosts(),
            [
                "postgresql-951239.user-me.svc",
                "postgresql-951239.user-me.svc.cluster.local",
                "postgresql-951239.user-me",
            ]
        );
        assert!(behind(service("None", "primary")).is_none());
        assert!(behind(service("10.96.0.7", "read")).is_none());
    }

    #[test]
    fn the_operator() {
        let service = |role: &str| {
            json!({
                "metadata": {"name": format!("sales-{role}")},
                "spec": {
                    "selector": {"cnpg.io/cluster": "sales", "cnpg.io/instanceRole": role},
                    "ports": [{"name": "postgres", "port": 5432, "targetPort": 5432}],
                },
            })
        };
        let database = behind(service("primary")).unwrap();
        assert_eq!(
            (database.name.as_str(), database.engine),
            ("sales", Engine::CloudNativePg)
        );
        assert!(behind(service("replica")).is_none());
    }

    #[test]
    fn others() {
        let web = json!({"metadata": {"name": "web"}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}});
        assert!(behind(web).is_none());
        let plain = json!({"metadata": {"name": "db"}, "spec": {"selector": {"app": "db"}, "ports": [{"port": 5433, "targetPort": 5432}]}});
        assert_eq!(behind(plain).unwrap().service_port, 5433);
    }
}
