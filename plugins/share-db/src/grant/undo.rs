use datalab_core::{
    cluster::{
        Object, WriteMode,
        api::api::{
            core::v1::Secret,
            networking::v1::NetworkPolicy,
            rbac::v1::{Role, RoleBinding},
        },
    },
    report::{Failure, Kind},
    words::Namespace,
};

use super::{action::Verb, survey::Survey};
use crate::{
    desk::Desk,
    network,
    postgres::{Change, ShareLock, withdraw},
};

/// What was begun, in order. A step is noted before it is tried: a request whose answer was lost
/// may have been carried out.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    begun: Vec<(&'static str, Verb)>,
    /// The uid of the Secret this run made.
    pub(crate) secret_uid: Option<String>,
    /// The uid of the base policy this run made, which other shares of the database need as well.
    pub(crate) base_policy_uid: Option<String>,
    /// The database was written to.
    pub(crate) login: bool,
    /// The login was there before.
    pub(crate) login_existed: bool,
}

impl Journal {
    pub(crate) fn begin(&mut self, step: &'static str, verb: Verb) {
        if verb != Verb::Unchanged {
            self.begun.push((step, verb));
        }
    }

    /// A step that turned out to have done nothing.
    pub(crate) fn forget(&mut self, step: &'static str) {
        self.begun.retain(|(begun, _)| *begun != step);
    }

    fn made(&self, step: &str) -> bool {
        self.begun
            .iter()
            .any(|(begun, verb)| *begun == step && *verb == Verb::Created)
    }

    /// Whether this run changed something that was there before, which cannot be taken back.
    fn changed_existing(&self) -> bool {
        self.begun.iter().any(|(_, verb)| *verb != Verb::Created)
            || (self.login && self.login_existed)
    }

    fn is_empty(&self) -> bool {
        self.begun.is_empty() && !self.login
    }
}

/// Removes what this run made, in reverse order, and says in the failure how far that went.
pub(crate) async fn undo(
    desk: &Desk<'_>,
    survey: &Survey,
    lock: &ShareLock,
    journal: &Journal,
    failure: Failure,
) -> Failure {
    if journal.is_empty() {
        return failure.state("nothing was changed");
    }
    if journal.changed_existing() {
        return failure
            .with_kind(Kind::Partial)
            .state("the share existed before; part of the new terms may be in force")
            .next("the same command again, which goes on")
            .next(revoke_command(desk, survey));
    }
    // Whether a COMMIT that was on its way when the work was given up was carried out, the next
    // statement sees.
    survey.superuser.roll_back().await;
    let remains = remove(desk, survey, lock, journal).await;
    if remains.is_empty() {
        return failure
            .state("what had been made was removed again; nothing remains")
            .next("the same command again, once the cause is gone");
    }
    failure
        .with_kind(Kind::Partial)
        .state(format!(
            "not all that had been made could be removed again; this remains: {}",
            remains.join(", ")
        ))
        .next(revoke_command(desk, survey))
}

/// Removes what this run made, where a new survey finds the rest as it was. What cannot be removed
/// it finds too, as a share that is not finished.
pub(crate) async fn take_back(
    desk: &Desk<'_>,
    survey: &Survey,
    lock: &ShareLock,
    journal: &Journal,
) {
    if !journal.changed_existing() {
        remove(desk, survey, lock, journal).await;
    }
}

async fn remove(
    desk: &Desk<'_>,
    survey: &Survey,
    lock: &ShareLock,
    journal: &Journal,
) -> Vec<String> {
    let name = survey.identity.object_name();
    let base = network::base_name(&survey.database.name);
    let mut removal = Removal {
        desk,
        namespace: &survey.identity.namespace,
        remains: Vec::new(),
    };
    if journal.made("binding") {
        removal.delete::<RoleBinding>(&name, None).await;
    }
    if journal.made("policy") {
        removal.delete::<NetworkPolicy>(&name, None).await;
    }
    if journal.made("base policy") {
        match &journal.base_policy_uid {
            // The answer was lost: under the lock nobody else makes one, without it it may be another
            // grant's.
            None if lock.is_lost() => removal.remains.push(format!("networkpolicy/{base}")),
            uid => {
                let uid = uid.as_deref();
                removal.delete::<NetworkPolicy>(&base, uid).await;
            }
        }
    }
    if journal.made("role") {
        removal.delete::<Role>(&name, None).await;
    }
    if journal.login {
        let role = &survey.login.role;
        if !withdrawn(survey, lock, role).await {
            // The Secret stays with the login, so that neither is without the other.
            removal.remains.push(format!("login {role}"));
            removal.remains.push(format!("secret/{name}"));
            return removal.remains;
        }
    }
    if journal.made("secret") {
        removal
            .delete::<Secret>(&name, journal.secret_uid.as_deref())
            .await;
    }
    removal.remains
}

/// Takes the login back; under a lock taken anew where the session broke that held it.
async fn withdrawn(survey: &Survey, lock: &ShareLock, role: &str) -> bool {
    let superuser = &survey.superuser;
    let anew = match lock.is_lost() {
        false => None,
        true => match ShareLock::take(superuser).await {
            Ok(anew) => Some(anew),
            Err(_) => return false,
        },
    };
    let lock = anew.as_ref().unwrap_or(lock);
    withdraw(superuser, lock, role, None, Change::Commit)
        .await
        .is_ok()
}

struct Removal<'a> {
    desk: &'a Desk<'a>,
    namespace: &'a Namespace,
    remains: Vec<String>,
}

impl Removal<'_> {
    async fn delete<K: Object>(&mut self, name: &str, uid: Option<&str>) {
        let cluster = &self.desk.cluster;
        let deleted = cluster.delete::<K>(self.namespace, name, uid, WriteMode::Commit);
        if deleted.await.is_err() {
            self.remains
                .push(format!("{}/{name}", K::kind(&()).to_lowercase()));
        }
    }
}

fn revoke_command(desk: &Desk<'_>, survey: &Survey) -> String {
    format!(
        "{} revoke postgres/{} --with {} -n {}",
        desk.name, survey.database.name, survey.identity.grantee, survey.identity.namespace
    )
}
