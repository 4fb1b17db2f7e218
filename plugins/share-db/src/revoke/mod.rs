//! `revoke`: shares taken back.
//!
//! In the database first (no login, sessions cut, what the grantee owns handed over or listed, the
//! login dropped), then RoleBinding, Role, NetworkPolicy and last the Secret, so that no login is
//! ever without its Secret. An error ends nothing but its own share; what remains is named.

mod one;

use datalab_core::{
    cli::{ConfirmArgs, DryRun, interruptible},
    cluster::{WriteMode, api::api::networking::v1::NetworkPolicy},
    report::{Failure, Kind},
    words::{Namespace, ObjectName},
};

use crate::{
    catalogue::{self, Database, Wanted},
    desk::Desk,
    network,
    outcome::Revoked,
    postgres::{Change, Credential, LoginState, Server, ShareLock, shared_logins},
    share::{self, Identity, Record, Records},
};

/// What a revoke is asked to do.
#[derive(Debug)]
pub(crate) struct RevokeRequest {
    pub(crate) database: Option<Wanted>,
    pub(crate) which: Which,
    pub(crate) reassign_to: Option<String>,
    pub(crate) unisolate: bool,
    pub(crate) superuser_secret: Option<ObjectName>,
    pub(crate) dry_run: DryRun,
    pub(crate) confirm: ConfirmArgs,
}

/// Which shares.
#[derive(Clone, Debug)]
pub(crate) enum Which {
    With(Namespace),
    All,
    Expired,
}

/// A database whose shares are taken back, as far as it can be reached.
pub(crate) enum Reached {
    /// Its superuser is logged in, and holds the lock.
    Open(Box<Open>),
    /// It is there, but cannot be asked now.
    Closed(Failure),
    /// It is not there any more: nothing is left to log in to.
    Gone,
}

/// A database whose roles can be changed now, by nobody else.
pub(crate) struct Open {
    pub(crate) server: Server,
    pub(crate) superuser: Credential,
    pub(crate) lock: ShareLock,
}

impl RevokeRequest {
    pub(crate) fn change(&self) -> Change {
        if self.dry_run == DryRun::None {
            Change::Commit
        } else {
            Change::Plan
        }
    }

    /// How deletions are sent; `None` when they are not.
    pub(crate) fn mode(&self) -> Option<WriteMode> {
        match self.dry_run {
            DryRun::None => Some(WriteMode::Commit),
            DryRun::Client => None,
            DryRun::Server => Some(WriteMode::ServerDryRun),
        }
    }
}

/// Takes the shares back that are meant.
///
/// # Errors
/// Nothing could be begun, or it was interrupted. What failed later is part of the outcome.
pub(crate) async fn revoke(desk: &Desk<'_>, request: &RevokeRequest) -> Result<Revoked, Failure> {
    interruptible(revoke_all(desk, request))
        .await
        .map_err(|failure| match failure.kind() {
            Kind::Interrupted | Kind::Terminated => failure
                .state("what was taken back until then stays taken back")
                .next("the same command again, which goes on"),
            _ => failure,
        })
}

async fn revoke_all(desk: &Desk<'_>, request: &RevokeRequest) -> Result<Revoked, Failure> {
    let (cluster, namespace) = (&desk.cluster, desk.namespace());
    let (databases, records) = futures::join!(
        catalogue::all(cluster, namespace),
        Records::read(cluster, namespace)
    );
    let (databases, Records { records, policies }) = (databases?, records?);
    let only = only_database(desk, request, &databases, &records).await?;
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

    let mut revoked = Revoked::new(desk.name, namespace, request.dry_run);
    let mut names: Vec<String> = meant
        .iter()
        .map(|record| record.identity.database.clone())
        .collect();
    names.extend(only.clone());
    names.sort();
    names.dedup();
    // Whatever can be refused is refused before the first share is touched.
    let mut all_reached = Vec::new();
    for name in names {
        let database = databases.iter().find(|database| database.name == name);
        let reached = reach(desk, request, database).await?;
        if let (Some(heir), Reached::Open(open)) = (&request.reassign_to, &reached) {
            refuse_odd_heir(open, heir, &name).await?;
        }
        if request.unisolate
            && request.dry_run == DryRun::None
            && base_policy(&policies, &name).is_some()
            && !is_shared_otherwise(&records, &meant, &name)
        {
            request.confirm.ask(
                desk.world,
                &format!("Open {name} to every pod of the cluster again?"),
            )?;
        }
        all_reached.push((name, reached));
    }
    for (name, reached) in all_reached {
        let mut shares: Vec<Record> = meant
            .iter()
            .filter(|record| record.identity.database == name)
            .cloned()
            .collect();
        shares.extend(forgotten(request, namespace, &name, &reached, &shares, &records).await?);
        for record in &shares {
            let share = one::revoke(desk, request, record, &reached).await;
            revoked.items.push(share);
        }
        if request.unisolate {
            let others = is_shared_otherwise(&records, &shares, &name);
            unisolate(desk, request, &name, &policies, others, &mut revoked).await?;
        }
    }
    Ok(revoked)
}

fn is_shared_otherwise(records: &[Record], revoked: &[Record], database: &str) -> bool {
    records.iter().any(|record| {
        record.identity.database == database
            && !revoked
                .iter()
                .any(|share| share.identity == record.identity)
    })
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

/// The database that is named; one that is gone is known by its shares.
async fn only_database(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    databases: &[Database],
    records: &[Record],
) -> Result<Option<String>, Failure> {
    let Some(wanted) = &request.database else {
        return Ok(None);
    };
    match catalogue::choose(&desk.cluster, desk.namespace(), wanted, databases.to_vec()).await {
        Ok(database) => Ok(Some(database.name)),
        Err(failure) if failure.kind() == Kind::NotFound => {
            let mut known: Vec<&String> = records
                .iter()
                .map(|record| &record.identity.database)
                .filter(|database| match &wanted.name {
                    Some(name) => *database == name,
                    // Without a name, only a namespace whose one shared database is gone is clear.
                    None => databases.is_empty(),
                })
                .collect();
            known.dedup();
            match known.as_slice() {
                [one] => Ok(Some((*one).clone())),
                _ => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    }
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

/// Logins of ours in the database whose objects are gone: a revoke that was cut short, or somebody
/// who deleted a Secret by hand.
async fn forgotten(
    request: &RevokeRequest,
    namespace: &Namespace,
    database: &str,
    reached: &Reached,
    known: &[Record],
    records: &[Record],
) -> Result<Vec<Record>, Failure> {
    let Reached::Open(open) = reached else {
        return Ok(Vec::new());
    };
    let identity = |grantee: Namespace| Identity {
        namespace: namespace.clone(),
        database: database.to_owned(),
        grantee,
    };
    let prefix = identity(namespace.clone()).comment_prefix();
    let logins = shared_logins(open.lock.session(), &prefix).await?;
    Ok(logins
        .into_iter()
        .filter_map(|(_, grantee, _)| grantee.parse().ok().map(identity))
        .filter(|found| {
            !known
                .iter()
                .chain(records)
                .any(|record| record.identity == *found)
        })
        .filter(|found| match &request.which {
            Which::With(grantee) => found.grantee == *grantee,
            Which::All => true,
            Which::Expired => false,
        })
        .map(Record::of)
        .collect())
}

/// Reaches a database, as far as it can be reached.
///
/// # Errors
/// Another share-db is at work on it: taking objects away under its hands would leave a share that
/// neither of both meant.
async fn reach(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    database: Option<&Database>,
) -> Result<Reached, Failure> {
    let Some(database) = database else {
        return Ok(Reached::Gone);
    };
    match open(desk, request, database).await {
        Err(failure) if failure.kind() == Kind::Conflict => {
            Err(failure.state("nothing was changed"))
        }
        Err(failure) => Ok(Reached::Closed(failure)),
        reached => reached,
    }
}

async fn open(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    database: &Database,
) -> Result<Reached, Failure> {
    let primary = catalogue::primary(&desk.cluster, database).await?;
    let (superuser, _) = catalogue::superuser(
        &desk.cluster,
        database,
        &primary.pod,
        request.superuser_secret.as_ref(),
    )
    .await?;
    let server = Server {
        cluster: desk.cluster.clone(),
        namespace: database.namespace.clone(),
        pod: primary.name,
        port: primary.port,
    };
    let lock = ShareLock::take(&server, &superuser).await?;
    Ok(Reached::Open(Box::new(Open {
        server,
        superuser,
        lock,
    })))
}

/// The policy by which a grant closed the database.
fn base_policy<'p>(policies: &'p [NetworkPolicy], database: &str) -> Option<&'p NetworkPolicy> {
    let name = network::base_name(database);
    policies.iter().find(|policy| {
        policy.metadata.name.as_deref() == Some(&name) && share::is_ours(*policy).is_ok()
    })
}

/// Removes the base policy, once no share needs it.
async fn unisolate(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    database: &str,
    policies: &[NetworkPolicy],
    others: bool,
    revoked: &mut Revoked,
) -> Result<(), Failure> {
    let name = network::base_name(database);
    let Some(policy) = base_policy(policies, database) else {
        return Ok(());
    };
    if others {
        revoked.notes.push(format!(
            "networkpolicy {name} is kept: {database} is still shared with others"
        ));
        return Ok(());
    }
    if let Some(mode) = request.mode() {
        desk.cluster
            .delete::<NetworkPolicy>(
                desk.namespace(),
                &name,
                policy.metadata.uid.as_deref(),
                mode,
            )
            .await?;
    }
    revoked.notes.push(format!(
        "networkpolicy {name} removed: every pod of the cluster reaches {database} again"
    ));
    Ok(())
}
