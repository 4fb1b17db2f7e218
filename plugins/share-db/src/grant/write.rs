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
    proof::{LoginProof, prove_login},
    survey::Survey,
    undo::{Journal, undo},
};
use crate::{
    desk::Desk,
    postgres::{self, Change, ShareLock, Statement},
    share,
};

/// What was written.
pub(crate) struct Written {
    pub(crate) actions: Vec<Action>,
    pub(crate) statements: Vec<Statement>,
    /// What logging in as the new login showed.
    pub(crate) login_proof: Option<LoginProof>,
}

impl Written {
    /// The writes as they stand in the plan.
    pub(crate) fn as_planned(survey: &Survey) -> Self {
        Self {
            actions: survey.actions(),
            statements: survey.converged.statements.clone(),
            login_proof: None,
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
    Ok(ShareLock::take(&survey.server, &survey.superuser).await?)
}

/// Whether the share is no longer as it was surveyed: another writer came first.
pub(super) async fn is_stale(desk: &Desk<'_>, survey: &Survey) -> Result<bool, Failure> {
    let (namespace, name) = (&survey.identity.namespace, survey.identity.object_name());
    let (secret, binding) = futures::try_join!(
        desk.cluster.get::<SecretObject>(namespace, &name),
        desk.cluster.get::<RoleBinding>(namespace, &name),
    )?;
    let existing = &survey.existing;
    Ok(!existing.is_current(secret.as_ref(), binding.as_ref()))
}

/// Writes the share, under the lock.
pub(super) async fn write(
    desk: &Desk<'_>,
    survey: &Survey,
    lock: ShareLock,
) -> Result<Written, Failure> {
    let mut journal = Journal::default();
    match interruptible(write_all(desk, survey, &mut journal)).await {
        Ok(written) => Ok(written),
        Err(failure) => Err(undo(desk, survey, &lock, &journal, failure).await),
    }
}

async fn write_all(
    desk: &Desk<'_>,
    survey: &Survey,
    journal: &mut Journal,
) -> Result<Written, Failure> {
    let (cluster, namespace, mode) = (&desk.cluster, &survey.identity.namespace, WriteMode::Commit);
    let actions = survey.actions();
    let (existing_binding, binding) = (&survey.existing.binding, &survey.wanted.binding);
    let excludes = survey.existing.lets_in_others_than(binding);
    if excludes {
        // Publication comes last, but an exclusion first: who is shut out must not read what comes.
        journal.begin("binding", Verb::Changed);
        put(desk, existing_binding, binding, mode).await?;
    }
    let password = write_secret(desk, survey, journal).await?;

    journal.login = true;
    journal.login_existed = survey.converged.before.is_some();
    let converged = converge(survey, &password, Change::Commit).await?;
    journal.login_existed = converged.before.is_some();
    let login_proof = prove_login(survey, &password).await?;

    let verb = |kind: &str, name: &str| {
        actions
            .iter()
            .find(|action| action.kind == kind && action.name == name)
            .map_or(Verb::Unchanged, |action| action.action)
    };
    let name = survey.identity.object_name();
    if verb("role", &name) != Verb::Unchanged {
        journal.begin("role", verb("role", &name));
        put(desk, &survey.existing.role, &survey.wanted.role, mode).await?;
    }
    let Survey {
        wanted, existing, ..
    } = survey;
    for (existing, policy, purpose) in [
        (&existing.base_policy, &wanted.base_policy, "base policy"),
        (&existing.policy, &wanted.policy, "policy"),
    ] {
        if let Some(policy) = policy {
            let verb = verb(
                "networkpolicy",
                policy.metadata.name.as_deref().unwrap_or_default(),
            );
            if verb != Verb::Unchanged {
                journal.begin(purpose, verb);
                put(desk, existing, policy, mode).await?;
            }
        }
    }
    if let (Some(existing), None) = (&existing.policy, &wanted.policy) {
        journal.begin("policy", Verb::Deleted);
        cluster
            .delete::<NetworkPolicy>(namespace, &name, existing.metadata.uid.as_deref(), mode)
            .await?;
    }
    if verb("rolebinding", &name) != Verb::Unchanged && !excludes {
        journal.begin("binding", verb("rolebinding", &name));
        put(desk, &existing.binding, &wanted.binding, mode).await?;
    }
    Ok(Written {
        actions,
        statements: converged.statements,
        login_proof: Some(login_proof),
    })
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

/// Makes the Secret, or brings it to the terms, and returns the password that counts: the one of
/// whoever made the Secret first.
async fn write_secret(
    desk: &Desk<'_>,
    survey: &Survey,
    journal: &mut Journal,
) -> Result<Secret<String>, Failure> {
    let (cluster, namespace) = (&desk.cluster, &survey.identity.namespace);
    if let Some(existing) = &survey.existing.secret {
        if !share::covers(existing, &survey.wanted.secret) {
            journal.begin("secret", Verb::Changed);
            replace_secret(desk, survey, existing, WriteMode::Commit).await?;
        }
        return Ok(survey.password.clone());
    }
    journal.begin("secret", Verb::Created);
    match cluster
        .create(namespace, &survey.wanted.secret, WriteMode::Commit)
        .await?
    {
        Creation::Created(secret) => {
            journal.secret_uid = secret.metadata.uid;
            Ok(survey.password.clone())
        }
        Creation::AlreadyExists => {
            journal.forget("secret");
            let name = survey.identity.object_name();
            let winner = cluster.get::<SecretObject>(namespace, &name).await?;
            winner.as_ref().and_then(share::password_in).ok_or_else(|| {
                Failure::new(
                    Kind::Conflict,
                    format!("secret {name} was made and removed by somebody else in the meantime"),
                )
                .next("the same command again")
            })
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
        survey.elsewhere(),
        &survey.login,
        &survey.sql_terms,
        password.expose(),
        &survey.fresh_verifier,
        change,
    )
    .await?;
    Ok(converged)
}
