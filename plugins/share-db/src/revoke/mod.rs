//! `revoke`: shares taken back.
//!
//! The RoleBinding first, so that nobody reads a login that is over; then the database (no login,
//! sessions cut, what the grantee owns handed over or listed, the login dropped), Role, NetworkPolicy
//! and last the Secret, so that no login is ever without its Secret. An error ends nothing but its
//! own share; what remains is named.

mod one;
mod plan;

use datalab_core::{
    cli::{ConfirmArgs, DryRun, interruptible},
    cluster::{WriteMode, api::api::networking::v1::NetworkPolicy},
    report::{Failure, Kind},
    words::{Namespace, ObjectName},
};

use self::plan::Plan;
use crate::{
    catalogue::Wanted,
    desk::Desk,
    network,
    outcome::Revoked,
    postgres::{Change, ShareLock, Superuser, shared_logins},
    share::{self, Identity, Record},
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
    pub(crate) superuser: Superuser,
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
    // Until the first write a signal may simply end the process, at a question too.
    let plan = plan::plan(desk, request).await?;
    interruptible(carry_out(desk, request, &plan))
        .await
        .map_err(|failure| match failure.kind() {
            Kind::Interrupted | Kind::Terminated => failure
                .state("what was taken back until then stays taken back")
                .next("the same command again, which goes on"),
            _ => failure,
        })
}

async fn carry_out(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    plan: &Plan,
) -> Result<Revoked, Failure> {
    let Plan {
        meant,
        records,
        policies,
        databases,
    } = plan;
    let namespace = desk.namespace();
    let mut revoked = Revoked::new(desk.name, namespace, request.dry_run);
    for (name, reached) in databases {
        let mut shares: Vec<Record> = meant
            .iter()
            .filter(|record| record.identity.database == *name)
            .cloned()
            .collect();
        match forgotten(request, namespace, name, reached, &shares, records).await {
            Ok(forgotten) => shares.extend(forgotten),
            Err(failure) => revoked.problems.push(failure.to_string()),
        }
        let mut over = Vec::new();
        for record in &shares {
            let share = one::revoke(desk, request, record, reached).await;
            if share.remains.is_empty() {
                over.push(record.clone());
            }
            revoked.items.push(share);
        }
        if request.unisolate {
            let others = is_shared_otherwise(records, &over, name);
            unisolate(desk, request, name, policies, others, &mut revoked).await;
        }
        // The server would notice the end of our session, and let the next writer in, only later.
        if let Reached::Open(open) = reached {
            open.lock.release().await;
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
        .filter_map(|(_, end, _)| Identity::grantee_in(&end).map(identity))
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
) {
    let name = network::base_name(database);
    let Some(policy) = base_policy(policies, database) else {
        return;
    };
    if others {
        revoked.notes.push(format!(
            "networkpolicy {name} is kept: {database} is still shared with others"
        ));
        return;
    }
    if let Some(mode) = request.mode() {
        let uid = policy.metadata.uid.as_deref();
        let deleted = desk
            .cluster
            .delete::<NetworkPolicy>(desk.namespace(), &name, uid, mode)
            .await;
        if let Err(error) = deleted {
            revoked.problems.push(Failure::from(error).to_string());
            return;
        }
    }
    revoked.notes.push(match request.dry_run {
        DryRun::None => {
            format!("networkpolicy {name} removed: every pod of the cluster reaches {database} again")
        }
        _ => format!(
            "dry run: networkpolicy {name} would be removed, and every pod of the cluster reach {database} again"
        ),
    });
}
