use datalab_core::{
    cluster::{Cluster, api::api::core::v1::Service},
    report::{self, Failure},
    words::Namespace,
};
use futures::future::try_join_all;

use super::{Database, Wanted, friendly_name};

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
    let mut databases: Vec<Database> = services
        .iter()
        .filter_map(|service| Database::behind(namespace, service))
        .collect();
    // Several Services may lead to the same pods. The chart's own is named like its release, or has
    // the shortest name: whoever adds another must not rename the database by it.
    databases.sort_by(|a, b| {
        let rank = |database: &Database| (database.name != database.release, database.name.len());
        (&a.selector, rank(a), &a.name).cmp(&(&b.selector, rank(b), &b.name))
    });
    databases.dedup_by(|later, earlier| later.selector == earlier.selector);
    databases.sort_by(|a, b| (&a.name, &a.service).cmp(&(&b.name, &b.service)));
    Ok(databases)
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
