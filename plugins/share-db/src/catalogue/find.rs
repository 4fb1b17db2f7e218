use std::collections::BTreeMap;

use datalab_core::{
    cluster::{Cluster, api::api::core::v1::Service},
    report::{self, Failure},
    words::Namespace,
};
use futures::future::try_join_all;

use super::{Database, Engine, Wanted, friendly_name};

/// The catalogue's other kinds of databases, by the port of their Services.
const OTHER_KINDS: [(&str, i32); 7] = [
    ("mariadb", 3306),
    ("mongodb", 27017),
    ("redis", 6379),
    ("elastic or opensearch", 9200),
    ("neo4j", 7687),
    ("qdrant", 6333),
    ("milvus", 19530),
];

/// All databases of a namespace, by name.
pub(crate) async fn all(
    cluster: &Cluster,
    namespace: &Namespace,
) -> Result<Vec<Database>, Failure> {
    let services = cluster.list::<Service>(namespace, "").await?;
    let behind = services
        .iter()
        .filter_map(|service| Database::behind(namespace, service));
    Ok(distinct(behind.collect()))
}

/// Each database once, by name, although several Services may lead to it. The operator's own Service
/// is `NAME-rw`; a chart's is named like its release, or has the shortest name: whoever adds another
/// must not rename or move the database by it.
fn distinct(mut databases: Vec<Database>) -> Vec<Database> {
    // Not by the selector for CloudNativePG, whose Services may call the primary by two labels.
    fn identity(database: &Database) -> (Option<&str>, Option<&BTreeMap<String, String>>) {
        match database.engine {
            Engine::CloudNativePg => (Some(&database.name), None),
            Engine::Chart => (None, Some(&database.selector)),
        }
    }
    fn rank(database: &Database) -> (bool, bool, usize) {
        let is_operators = database.service == format!("{}-rw", database.name);
        let is_release = database.name == database.release;
        (!is_operators, !is_release, database.name.len())
    }
    databases.sort_by(|a, b| {
        (identity(a), rank(a), &a.name, &a.service).cmp(&(
            identity(b),
            rank(b),
            &b.name,
            &b.service,
        ))
    });
    databases.dedup_by(|later, earlier| identity(later) == identity(earlier));
    databases.sort_by(|a, b| (&a.name, &a.service).cmp(&(&b.name, &b.service)));
    databases
}

/// The one database that is meant.
///
/// # Errors
/// None, or more than one, fits: the failure lists what there is; nothing is ever picked.
pub(crate) async fn find(
    cluster: &Cluster,
    namespace: &Namespace,
    wanted: &Wanted,
) -> Result<Database, Failure> {
    choose(cluster, namespace, wanted, all(cluster, namespace).await?).await
}

/// As [`find`], among databases that were listed before.
pub(crate) async fn choose(
    cluster: &Cluster,
    namespace: &Namespace,
    wanted: &Wanted,
    databases: Vec<Database>,
) -> Result<Database, Failure> {
    let Some(name) = &wanted.name else {
        return match <[Database; 1]>::try_from(databases) {
            Ok([database]) => Ok(database),
            Err(databases) if databases.is_empty() => Err(none(cluster, namespace, wanted).await),
            Err(databases) => Err(several(cluster, namespace, wanted, databases).await),
        };
    };
    let fits = |database: &&Database| {
        [&database.name, &database.release, &database.service].contains(&name)
    };
    let mut by_name: Vec<Database> = databases.iter().filter(fits).cloned().collect();
    if by_name.is_empty() {
        let friendly = databases
            .iter()
            .map(|database| friendly_name(cluster, database));
        by_name = databases
            .iter()
            .zip(&try_join_all(friendly).await?)
            .filter(|(_, friendly)| friendly.as_ref() == Some(name))
            .map(|(database, _)| database.clone())
            .collect();
    }
    match <[Database; 1]>::try_from(by_name) {
        Ok([database]) => Ok(database),
        Err(fitting) if fitting.is_empty() && databases.is_empty() => {
            Err(none(cluster, namespace, wanted).await)
        }
        Err(fitting) if fitting.is_empty() => Err(listed(
            cluster,
            Failure::new(
                report::Kind::NotFound,
                format!("no release, Service or friendly name {name:?} among the postgres databases of namespace {namespace}"),
            ),
            wanted,
            databases,
        )
        .await),
        Err(fitting) => Err(several(cluster, namespace, wanted, fitting).await),
    }
}

async fn none(cluster: &Cluster, namespace: &Namespace, wanted: &Wanted) -> Failure {
    // What else there is is a courtesy: a list that cannot be had is left out.
    let services = cluster.list::<Service>(namespace, "").await;
    let failure = Failure::new(
        report::Kind::NotFound,
        format!("no {} database in namespace {namespace}", wanted.kind),
    )
    .detail("looked for Services with port 5432 or a port named postgres, and a selector");
    services
        .unwrap_or_default()
        .iter()
        .filter_map(of_another_kind)
        .fold(failure, Failure::detail)
        .state("nothing was changed")
        .next(format!("kubectl get services -n {namespace}"))
        .next(format!(
            "the same command with -n NAMESPACE, if not {namespace}"
        ))
}

/// A Service by whose port another kind of database is known.
fn of_another_kind(service: &Service) -> Option<String> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    let (kind, _) = OTHER_KINDS
        .iter()
        .find(|(_, number)| ports.iter().any(|port| port.port == *number))?;
    let name = service.metadata.name.as_deref()?;
    Some(format!(
        "there is {kind} behind Service {name}, which share-db cannot share yet"
    ))
}

async fn several(
    cluster: &Cluster,
    namespace: &Namespace,
    wanted: &Wanted,
    databases: Vec<Database>,
) -> Failure {
    let failure = Failure::new(
        report::Kind::NotFound,
        format!(
            "{} {} databases fit in namespace {namespace}; name one of them",
            databases.len(),
            wanted.kind
        ),
    );
    listed(cluster, failure, wanted, databases).await
}

async fn listed(
    cluster: &Cluster,
    failure: Failure,
    wanted: &Wanted,
    databases: Vec<Database>,
) -> Failure {
    let kind = wanted.kind;
    let mut failure = failure.state("nothing was changed");
    for database in &databases {
        // The list is a courtesy: a name that cannot be read is left out.
        let friendly = friendly_name(cluster, database)
            .await
            .ok()
            .flatten()
            .map(|name| format!(", called {name:?}"))
            .unwrap_or_default();
        let made = database
            .created
            .as_ref()
            .map(|time| format!(", made {}", time.0))
            .unwrap_or_default();
        failure = failure.detail(format!(
            "{kind}/{} (release {}{friendly}{made})",
            database.name, database.release
        ));
    }
    match databases.first() {
        Some(first) => failure.next(format!("the same command with {kind}/{}", first.name)),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn services(all: &[(&str, Value)]) -> Vec<String> {
        let behind = all.iter().map(|(name, selector)| {
            let service = json!({
                "metadata": {"name": name},
                "spec": {"selector": selector, "ports": [{"name": "postgres", "port": 5432}]},
            });
            let service = serde_json::from_value(service).unwrap();
            Database::behind(&"user-me".parse().unwrap(), &service).unwrap()
        });
        distinct(behind.collect())
            .into_iter()
            .map(|database| database.service)
            .collect()
    }

    #[test]
    fn the_operators_own_service_is_the_clusters() {
        let primary =
            |cluster: &str| json!({"cnpg.io/cluster": cluster, "cnpg.io/instanceRole": "primary"});
        let before = json!({"cnpg.io/cluster": "sales", "role": "primary"});
        let added = [
            ("sales-lb", primary("sales")),
            ("a", before.clone()),
            ("sales-rw", primary("sales")),
            ("stock-rw", primary("stock")),
        ];
        assert_eq!(services(&added), ["sales-rw", "stock-rw"]);
        // Which label the operator's own has depends on its version.
        let older = [("a", primary("sales")), ("sales-rw", before)];
        assert_eq!(services(&older), ["sales-rw"]);
    }

    #[test]
    fn a_charts_service_is_known_by_its_pods() {
        let selector = |name: &str| json!({"app": name});
        let all = [
            ("db-for-everyone", selector("db")),
            ("db", selector("db")),
            ("other", selector("other")),
        ];
        assert_eq!(services(&all), ["db", "other"]);
    }
}
