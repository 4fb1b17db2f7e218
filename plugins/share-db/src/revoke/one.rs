use datalab_core::{
    cluster::{
        Object,
        api::{
            api::{
                core::v1::Secret,
                networking::v1::NetworkPolicy,
                rbac::v1::{Role, RoleBinding},
            },
            apimachinery::pkg::apis::meta::v1::ObjectMeta,
        },
    },
    report::Failure,
};

use super::{Open, Reached, RevokeRequest};
use crate::{
    desk::Desk,
    outcome::{LoginFate, RevokedShare},
    postgres::{LoginState, withdraw},
    share::Record,
};

/// Takes one share back, as far as that goes; what remains is named in what is returned.
pub(super) async fn revoke(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    record: &Record,
    reached: &Reached,
) -> RevokedShare {
    let mut share = RevokedShare::of(&record.identity);
    let name = record.identity.object_name();
    // Nobody is to read a login that is no longer let in.
    delete::<RoleBinding>(
        desk,
        request,
        &name,
        record.binding.as_ref().map(|object| &object.metadata),
        &mut share,
    )
    .await;
    let login_is_over = match in_database(request, record, reached, &mut share).await {
        Ok(is_over) => is_over,
        Err(failure) => {
            share.login = LoginFate::Unknown;
            share.remains.push(format!("login {}", share.role));
            share.problems.push(failure.without_state().to_string());
            false
        }
    };
    delete::<Role>(
        desk,
        request,
        &name,
        record.role.as_ref().map(|object| &object.metadata),
        &mut share,
    )
    .await;
    delete::<NetworkPolicy>(
        desk,
        request,
        &name,
        record.policy.as_ref().map(|object| &object.metadata),
        &mut share,
    )
    .await;
    if login_is_over {
        delete::<Secret>(desk, request, &name, record.secret.as_ref(), &mut share).await;
    } else if record.secret.is_some() {
        // It tells the next revoke that a login is left.
        share.remains.push(format!("secret/{name}"));
    }
    share
}

/// Whether nobody can log in by this share any more.
async fn in_database(
    request: &RevokeRequest,
    record: &Record,
    reached: &Reached,
    share: &mut RevokedShare,
) -> Result<bool, Failure> {
    let Open { superuser, lock } = match reached {
        Reached::Gone => {
            share.login = LoginFate::DatabaseGone;
            return Ok(true);
        }
        Reached::Closed(failure) => return Err(failure.clone()),
        Reached::Open(open) => open.as_ref(),
    };
    let role = record.identity.role_name();
    let comment = record.identity.comment();
    let state = LoginState::read(lock.session(), &role).await?;
    if state.is_some_and(|state| state.comment.as_deref() != Some(&comment)) {
        share.login = LoginFate::Foreign;
        share.problems.push(format!(
            "role {role:?} in the database is not known to be ours; it is left as it is"
        ));
        share.remains.push(format!("login {role}"));
        return Ok(false);
    }
    let withdrawn = withdraw(
        superuser,
        lock,
        &role,
        request.reassign_to.as_deref(),
        request.change(),
    )
    .await?;
    share.sessions_cut = withdrawn.sessions_cut;
    share.statements = withdrawn
        .statements
        .iter()
        .map(|statement| statement.shown().to_owned())
        .collect();
    share.login = match (withdrawn.found, withdrawn.dropped) {
        (false, _) => LoginFate::Absent,
        (true, true) => LoginFate::Dropped,
        (true, false) => {
            share.remains.push(format!(
                "role {role}, which cannot log in, for what it owns"
            ));
            LoginFate::Locked
        }
    };
    share.reassigned_to = request
        .reassign_to
        .clone()
        .filter(|_| !withdrawn.owned.is_empty());
    share.owned = withdrawn.owned;
    Ok(true)
}

async fn delete<K: Object>(
    desk: &Desk<'_>,
    request: &RevokeRequest,
    name: &str,
    found: Option<&ObjectMeta>,
    share: &mut RevokedShare,
) {
    let Some(meta) = found else { return };
    let object = format!("{}/{name}", K::kind(&()).to_lowercase());
    let result = match request.mode() {
        None => Ok(true),
        Some(mode) => {
            desk.cluster
                .delete::<K>(&share.namespace, name, meta.uid.as_deref(), mode)
                .await
        }
    };
    match result {
        Ok(_) => share.removed.push(object),
        Err(error) => {
            share.problems.push(Failure::from(error).to_string());
            share.remains.push(object);
        }
    }
}
