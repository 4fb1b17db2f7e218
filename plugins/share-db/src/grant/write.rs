use datalab_core::{
    cli::interruptible,
    cluster::{
        self, Creation, Object, WriteMode,
        api::api::{
            core::v1::Secret as SecretObject, networking::v1::NetworkPolicy, rbac::v1::RoleBinding,
        },
    },
    report::{Failure, Kind},
    words::Secret,
};

use super::{
    action::{Action, Verb},
    existing::Existing,
    isolation::Network,
    sql_proof::{SqlProof, prove_in_database},
    survey::Survey,
    undo::{Journal, take_back, undo},
};
use crate::{
    desk::Desk,
    network,
    postgres::{self, Change, ShareLock, Statement},
    share,
};

/// What was written.
pub(crate) struct Written {
    pub(crate) actions: Vec<Action>,
    pub(crate) statements: Vec<Statement>,
    /// What the database showed, where it was asked already.
    pub(crate) sql_proof: Option<SqlProof>,
}

impl Written {
    /// The writes as they stand in the plan.
    pub(crate) fn as_planned(survey: &Survey) -> Self {
        Self {
            actions: survey.actions(),
            statements: survey.converged.statements.clone(),
            sql_proof: None,
        }
    }
}

/// Submits every write as a dry run, so that admission, escalation checks and the database speak.
pub(crate) async fn try_out(desk: &Desk<'_>, survey: &Survey) -> Result<Written, Failure> {
    let (namespace, mode) = (&survey.identity.namespace, WriteMode::ServerDryRun);
    let Survey {
        wanted, existing, ..
    } = survey;
    converge(survey, &survey.password, Change::TryOut).await?;
    match &existing.secret {
        None => {
            desk.cluster.create(namespace, &wanted.secret, mode).await?;
        }
        Some(existing) => replace_secret(desk, survey, existing, mode).await?,
    }
    put(desk, &existing.role, &wanted.role, mode).await?;
    for (existing, wanted) in [
        (&existing.base_policy, &wanted.base_policy),
        (&existing.policy, &wanted.policy),
    ] {
        if let Some(wanted) = wanted {
            put(desk, existing, wanted, mode).await?;
        }
    }
    // The server checks a binding against its Role, which is not there in a dry run of a new share.
    if existing.role.is_some() {
        put(desk, &existing.binding, &wanted.binding, mode).await?;
    }
    Ok(Written::as_planned(survey))
}

/// Becomes the one writer. The lock is held until everything is there, so that a revoke, or the same
/// grant from another shell, finds the share whole.
pub(super) async fn lock(survey: &Survey) -> Result<ShareLock, Failure> {
    Ok(ShareLock::take(&survey.superuser).await?)
}

/// Whether the share, or who reaches the database, is no longer as it was surveyed: another writer
/// came first. Where no share was, the creation of the Secret will tell of another.
pub(super) async fn is_stale(desk: &Desk<'_>, survey: &Survey) -> Result<bool, Failure> {
    let (before, cluster) = (&survey.existing, &desk.cluster);
    let (namespace, name) = (&survey.identity.namespace, survey.identity.object_name());
    let is_new = before.secret.is_none() && before.binding.is_none();
    let share = async {
        if is_new {
            return Ok((None, None));
        }
        futures::try_join!(
            cluster.get::<SecretObject>(namespace, &name),
            cluster.get::<RoleBinding>(namespace, &name),
        )
    };
    let policies = cluster.list::<NetworkPolicy>(namespace, "");
    let ((secret, binding), policies) = futures::try_join!(share, policies)?;
    let now = Existing::of(
        secret,
        None,
        &policies,
        binding.as_slice(),
        &survey.database,
        &name,
    );
    let network = Network::of(
        &survey.database,
        &survey.primary,
        &policies,
        survey.network.operator.clone(),
    );
    Ok(!before.is_current(&now) || network != survey.network)
}

/// The failure for an object that comes and goes under the lock: whoever makes it does not ask for it.
pub(super) fn refuse_restless(survey: &Survey) -> Failure {
    Failure::new(
        Kind::Conflict,
        format!(
            "secret {} or networkpolicy {} was made by somebody else in the meantime, and again",
            survey.identity.object_name(),
            network::base_name(&survey.database.name)
        ),
    )
    .next("the same command again")
}

/// Writes the share, under the lock. `None` when there is a Secret or a base policy that was not there
/// when the share was surveyed; nothing is published then, and the share has to be surveyed again.
pub(super) async fn write(
    desk: &Desk<'_>,
    survey: &Survey,
    lock: &ShareLock,
) -> Result<Option<Written>, Failure> {
    let mut journal = Journal::default();
    match interruptible(write_all(desk, survey, &mut journal)).await {
        Ok(Some(written)) => Ok(Some(written)),
        // What was made for a survey that no longer holds is made anew after the next.
        Ok(None) => {
            take_back(desk, survey, lock, &journal).await;
            Ok(None)
        }
        Err(failure) => Err(undo(desk, survey, lock, &journal, failure).await),
    }
}

async fn write_all(
    desk: &Desk<'_>,
    survey: &Survey,
    journal: &mut Journal,
) -> Result<Option<Written>, Failure> {
    let unpublished = unpublish(desk, survey, journal).await?;
    if !write_secret(desk, survey, journal).await? {
        return Ok(None);
    }

    journal.login = true;
    journal.login_existed = survey.converged.before.is_some();
    let converged = converge(survey, &survey.password, Change::Commit).await?;
    journal.login_existed = converged.before.is_some();

    let Survey {
        wanted, existing, ..
    } = survey;
    let actions = survey.actions();
    let verb = |kind: &str, name: &str| {
        actions
            .iter()
            .find(|action| action.kind == kind && action.name == name)
            .map_or(Verb::Unchanged, |action| action.action)
    };
    let (namespace, name) = (&survey.identity.namespace, survey.identity.object_name());
    let base_name = network::base_name(&survey.database.name);
    let role = verb("role", &name);
    let base_policy = verb("networkpolicy", &base_name);
    let policy = verb("networkpolicy", &name);
    journal.begin("role", role);
    journal.begin("base policy", base_policy);
    journal.begin("policy", policy);
    // None of these lets anybody in by itself. All are waited for, also where one fails: what is
    // still on its way to the server could not be taken back.
    let policies = async {
        let base = wanted.base_policy.as_ref();
        match base.filter(|_| base_policy == Verb::Created) {
            None => carry_out(desk, base_policy, &existing.base_policy, base).await?,
            Some(base) => match desk
                .cluster
                .create(namespace, base, WriteMode::Commit)
                .await?
            {
                Creation::Created(base) => journal.base_policy_uid = base.metadata.uid,
                Creation::AlreadyExists => {
                    journal.forget("base policy");
                    journal.forget("policy");
                    return Ok(false);
                }
            },
        }
        carry_out(desk, policy, &existing.policy, wanted.policy.as_ref()).await?;
        Ok::<_, cluster::Error>(true)
    };
    let (sql_proof, role, policies) = futures::join!(
        prove_in_database(survey),
        carry_out(desk, role, &existing.role, Some(&wanted.role)),
        policies,
    );
    let proven = sql_proof.login?;
    role?;
    if !policies? {
        return Ok(None);
    }

    let publication = verb("rolebinding", &name);
    if unpublished {
        put(desk, &None, &wanted.binding, WriteMode::Commit).await?;
    } else if publication != Verb::Unchanged {
        journal.begin("binding", publication);
        put(desk, &existing.binding, &wanted.binding, WriteMode::Commit).await?;
    }
    Ok(Some(Written {
        actions,
        statements: converged.statements,
        sql_proof: Some(SqlProof {
            login: Ok(proven),
            reach: sql_proof.reach,
        }),
    }))
}

/// Takes the step between an object as it is and as it should be.
async fn carry_out<K: Object>(
    desk: &Desk<'_>,
    verb: Verb,
    existing: &Option<K>,
    wanted: Option<&K>,
) -> Result<(), cluster::Error> {
    match (verb, existing, wanted) {
        (Verb::Created | Verb::Changed, _, Some(wanted)) => {
            put(desk, existing, wanted, WriteMode::Commit).await?;
        }
        (Verb::Deleted, Some(existing), _) => {
            let meta = existing.meta();
            let name = meta.name.as_deref().unwrap_or_default();
            let uid = meta.uid.as_deref();
            desk.cluster
                .delete::<K>(desk.namespace(), name, uid, WriteMode::Commit)
                .await?;
        }
        _ => {}
    }
    Ok(())
}

/// Takes the binding away where the Secret gets another password: who is shut out must not read it,
/// and whoever may read it must find one that the login has already. Publication comes last.
async fn unpublish(
    desk: &Desk<'_>,
    survey: &Survey,
    journal: &mut Journal,
) -> Result<bool, cluster::Error> {
    let existing = &survey.existing;
    let keeps_password = existing
        .password()
        .is_some_and(|password| password.expose() == survey.password.expose());
    let Some(binding) = existing.binding.as_ref().filter(|_| !keeps_password) else {
        return Ok(false);
    };
    journal.begin("binding", Verb::Changed);
    let (namespace, uid) = (&survey.identity.namespace, binding.metadata.uid.as_deref());
    desk.cluster
        .delete::<RoleBinding>(
            namespace,
            &survey.identity.object_name(),
            uid,
            WriteMode::Commit,
        )
        .await?;
    Ok(true)
}

/// Makes an object, or makes it what it should be. One that exists is known to be ours by now: what
/// somebody else changed in it has drifted, and is taken back.
async fn put<K: Object>(
    desk: &Desk<'_>,
    existing: &Option<K>,
    wanted: &K,
    mode: WriteMode,
) -> Result<K, cluster::Error> {
    let namespace = desk.namespace();
    let Some(existing) = existing else {
        return desk.cluster.apply(namespace, wanted, mode).await;
    };
    let mut restored = wanted.clone();
    restored.meta_mut().resource_version = existing.meta().resource_version.clone();
    desk.cluster.restore(namespace, &restored, mode).await
}

/// Brings the Secret to the terms, unless it was changed since it was read.
async fn replace_secret(
    desk: &Desk<'_>,
    survey: &Survey,
    existing: &SecretObject,
    mode: WriteMode,
) -> Result<(), Failure> {
    if share::covers(existing, &survey.wanted.secret) {
        return Ok(());
    }
    let mut changed = survey.wanted.secret.clone();
    changed.metadata.resource_version = existing.metadata.resource_version.clone();
    desk.cluster
        .replace(&survey.identity.namespace, &changed, mode)
        .await?;
    Ok(())
}

/// Makes the Secret, or brings it to the terms; `false` where one was made since the survey.
async fn write_secret(
    desk: &Desk<'_>,
    survey: &Survey,
    journal: &mut Journal,
) -> Result<bool, Failure> {
    let (cluster, namespace) = (&desk.cluster, &survey.identity.namespace);
    if let Some(existing) = &survey.existing.secret {
        if !share::covers(existing, &survey.wanted.secret) {
            journal.begin("secret", Verb::Changed);
            replace_secret(desk, survey, existing, WriteMode::Commit).await?;
        }
        return Ok(true);
    }
    journal.begin("secret", Verb::Created);
    let created = cluster
        .create(namespace, &survey.wanted.secret, WriteMode::Commit)
        .await?;
    match created {
        Creation::Created(secret) => {
            journal.secret_uid = secret.metadata.uid;
            Ok(true)
        }
        Creation::AlreadyExists => {
            journal.forget("secret");
            Ok(false)
        }
    }
}

async fn converge(
    survey: &Survey,
    password: &Secret<String>,
    change: Change,
) -> Result<postgres::Converged, Failure> {
    let converged = postgres::converge(
        &survey.shared.session,
        &survey.superuser,
        &survey.login,
        &survey.sql_terms,
        password.expose(),
        &survey.fresh_verifier,
        change,
    )
    .await?;
    Ok(converged)
}
