use datalab_core::{
    cli::DryRun,
    cluster::api::api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::Pod,
        networking::v1::NetworkPolicy,
    },
    report::{Failure, Kind},
};

use super::{Open, Reached, RevokeRequest, Which, base_policy, is_shared_otherwise};
use crate::{
    catalogue::{self, Database},
    desk::Desk,
    postgres::{LoginState, ShareLock},
    share::{self, Record, Records},
};

/// What is to be taken back, and the databases that are ready for it.
pub(super) struct Plan {
    pub(super) meant: Vec<Record>,
    pub(super) records: Vec<Record>,
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) databases: Vec<(String, Reached)>,
}

/// Finds out what is meant, asks for a person's word, and refuses whatever can be refused before the
/// first share is touched.
///
/// # Errors
/// Nothing could be begun.
pub(super) async fn plan(desk: &Desk<'_>, request: &RevokeRequest) -> Result<Plan, Failure> {
    let (cluster, namespace) = (&desk.cluster, desk.namespace());
    let (databases, records) = futures::join!(
        catalogue::all(cluster, namespace),
        Records::read(cluster, namespace)
    );
    let (databases, records) = (databases?, records?);
    let only = match &request.database {
        Some(wanted) => Some(
            records
                .database(cluster, namespace, wanted, &databases)
                .await?,
        ),
        None => None,
    };
    let Records { records, policies } = records;
    let meant = meant(desk, request, only.as_deref(), &records).await?;
    if let Which::All = request.which
        && request.dry_run == DryRun::None
        && !meant.is_empty()
    {
        let names: Vec<String> = meant
            .iter()
            .map(|record| {
                format!(
                    "{} with {}",
                    record.identity.database, record.identity.grantee
                )
            })
            .collect();
        let shares = if meant.len() == 1 { "share" } else { "shares" };
        request.confirm.ask(
            desk.world,
            &format!("Revoke {} {shares} ({})?", meant.len(), names.join(", ")),
        )?;
    }

    let mut names: Vec<String> = meant
        .iter()
        .map(|record| record.identity.database.clone())
        .collect();
    names.extend(only.clone());
    names.sort();
    names.dedup();
    for name in &names {
        if request.unisolate
            && request.dry_run == DryRun::None
            && base_policy(&policies, name).is_some()
            && !is_shared_otherwise(&records, &meant, name)
        {
            request.confirm.ask(
                desk.world,
                &format!("Open {name} to every pod of the cluster again?"),
            )?;
        }
    }
    let mut all_reached = Vec::new();
    for name in names {
        let database = databases.iter().find(|database| database.name == name);
        let reached = reach(desk, request, &name, database, &records).await?;
        if let (Some(heir), Reached::Open(open)) = (&request.reassign_to, &reached) {
            refuse_odd_heir(open, heir, &name).await?;
        }
        all_reached.push((name, reached));
    }
    // Whoever held a lock before may have made or changed a share in the meantime.
    let Records { records, policies } = Records::read(cluster, namespace).await?;
    let mut meant = self::meant(desk, request, only.as_deref(), &records).await?;
    meant.retain(|record| {
        let is_reached = |(name, _): &(String, Reached)| *name == record.identity.database;
        all_reached.iter().any(is_reached)
    });
    Ok(Plan {
        meant,
        records,
        policies,
        databases: all_reached,
    })
}

async fn meant(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    only: Option<&str>,
    records: &[Record],
) -> Result<Vec<Record>, Failure> {
    let now = desk.cluster.server_time().await?;
    Ok(records
        .iter()
        .filter(|record| only.is_none_or(|only| record.identity.database == only))
        .filter(|record| match &request.which {
            Which::With(grantee) => record.identity.grantee == *grantee,
            Which::All => true,
            Which::Expired => record
                .terms()
                .is_some_and(|terms| terms.expiry.is_over(now)),
        })
        .cloned()
        .collect())
}

/// Handing objects to a role that is not there would stop half-way; handing them to the login that
/// is taken back would drop them with it.
async fn refuse_odd_heir(open: &Open, heir: &str, database: &str) -> Result<(), Failure> {
    let refused = |why: String| {
        Err(Failure::new(Kind::Usage, why)
            .state("nothing was changed")
            .next("the same command with --reassign-to ROLE, the database's owner say"))
    };
    match LoginState::read(open.lock.session(), heir).await? {
        None => refused(format!(
            "there is no role {heir:?} in database {database} to hand objects to"
        )),
        Some(role)
            if role
                .comment
                .as_deref()
                .is_some_and(|comment| comment.starts_with(share::COMMENT_BEGINNING)) =>
        {
            refused(format!(
                "role {heir:?} is the login of a share itself; objects cannot be handed to it"
            ))
        }
        Some(_) => Ok(()),
    }
}

/// Reaches a database, as far as it can be reached.
///
/// # Errors
/// Another share-db is at work on it: taking objects away under its hands would leave a share that
/// neither of both meant.
async fn reach(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    name: &str,
    database: Option<&Database>,
    records: &[Record],
) -> Result<Reached, Failure> {
    let Some(database) = database else {
        let shares = records
            .iter()
            .filter(|record| record.identity.database == name);
        return Ok(match living_keeper(desk, shares).await? {
            None => Reached::Gone,
            Some(keeper) => Reached::Closed(
                Failure::new(
                    Kind::Unreachable,
                    format!(
                        "no Service leads to database {name} any more, but {keeper} is still there"
                    ),
                )
                .next(format!("kubectl get services -n {}", desk.namespace())),
            ),
        });
    };
    match open(desk, request, database).await {
        Err(failure) if failure.kind() == Kind::Conflict => {
            Err(failure.state("nothing was changed"))
        }
        Err(failure) => Ok(Reached::Closed(failure)),
        reached => reached,
    }
}

/// What keeps the database of these shares, if it is still there: without a Service the database
/// cannot be found, and its logins live on all the same.
async fn living_keeper(
    desk: &Desk<'_>,
    shares: impl Iterator<Item = &Record>,
) -> Result<Option<String>, Failure> {
    let Some(keeper) = shares.into_iter().find_map(Record::keeper) else {
        return Ok(None);
    };
    let (cluster, namespace) = (&desk.cluster, desk.namespace());
    let uid = match keeper.kind.as_str() {
        "StatefulSet" => cluster
            .get::<StatefulSet>(namespace, &keeper.name)
            .await?
            .and_then(|set| set.metadata.uid),
        "Deployment" => cluster
            .get::<Deployment>(namespace, &keeper.name)
            .await?
            .and_then(|deployment| deployment.metadata.uid),
        // An operator's own kind, which a tenant may not read: its pods name it.
        _ => cluster
            .list::<Pod>(namespace, "")
            .await?
            .into_iter()
            .flat_map(|pod| pod.metadata.owner_references.unwrap_or_default())
            .map(|owner| owner.uid)
            .find(|uid| *uid == keeper.uid),
    };
    Ok((uid.as_ref() == Some(&keeper.uid)).then(|| format!("{} {}", keeper.kind, keeper.name)))
}

async fn open(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    database: &Database,
) -> Result<Reached, Failure> {
    let named = request.superuser_secret.as_ref();
    let superuser = catalogue::administered(&desk.cluster, database, named).await?;
    let lock = ShareLock::take(&superuser).await?;
    Ok(Reached::Open(Box::new(Open { superuser, lock })))
}
