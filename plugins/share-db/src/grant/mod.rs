//! `grant`: one share, made or brought to its terms.
//!
//! 1. [`survey`]: everything is read, every problem found; nothing is written.
//! 2. [`write`]: Secret by create → login and privileges in one transaction → at the same time, for
//!    none of them publishes: proof by logging in, Role, policies → RoleBinding, which does. One
//!    writer at a time, under the share lock. What was made before a failure is removed again in
//!    reverse order.
//! 3. [`proof`]: what the grantee can do now, asked of the API server and of the database.

mod action;
mod address;
mod existing;
mod grantee;
mod isolation;
mod proof;
mod request;
mod rights;
mod shared_database;
mod sql_proof;
mod survey;
mod undo;
mod write;

pub(crate) use action::{Action, Verb as ActionVerb};
pub(crate) use proof::Proof;
pub(crate) use request::{DEFAULT_CONNECTION_LIMIT, DEFAULT_LIFETIME, ExpiryAsked, GrantRequest};
pub(crate) use sql_proof::LoginProof;
pub(crate) use survey::Survey;
pub(crate) use write::Written;

use datalab_core::{
    cli::DryRun,
    report::{Failure, Kind},
};

use crate::desk::Desk;

/// What came of a grant.
pub(crate) struct Done {
    pub(crate) survey: Survey,
    pub(crate) written: Written,
    pub(crate) proof: Proof,
}

/// Carries the request out.
///
/// # Errors
/// The survey found a reason not to begin (nothing was changed), or a write failed (what was made
/// was removed again, or the failure names what remains and the command that goes on).
pub(crate) async fn grant(desk: &Desk<'_>, request: &GrantRequest) -> Result<Done, Failure> {
    let mut survey = survey::survey(desk, request, None)
        .await
        .map_err(untouched)?;
    survey.confirm(desk, request).map_err(untouched)?;
    let mut written = match request.dry_run {
        DryRun::Client => Written::as_planned(&survey),
        DryRun::Server => write::try_out(desk, &survey).await.map_err(untouched)?,
        DryRun::None if survey.is_unchanged() => Written::as_planned(&survey),
        DryRun::None => {
            let lock = write::lock(&survey).await.map_err(untouched)?;
            let mut is_stale = write::is_stale(desk, &survey).await.map_err(untouched)?;
            let written = loop {
                if is_stale {
                    survey = survey::survey(desk, request, Some(&survey))
                        .await
                        .map_err(untouched)?;
                    survey.confirm(desk, request).map_err(untouched)?;
                }
                match write::write(desk, &survey, &lock).await? {
                    Some(written) => break written,
                    // Somebody else made the Secret or the base policy in the meantime.
                    None if !is_stale => is_stale = true,
                    None => return Err(untouched(write::refuse_restless(&survey))),
                }
            };
            lock.release().await;
            written
        }
    };
    let proof = match request.dry_run {
        DryRun::None => proof::prove(desk, &survey, written.sql_proof.take()).await,
        _ => Proof::default(),
    };
    Ok(Done {
        survey,
        written,
        proof,
    })
}

/// Says that nothing was changed, where the failure does not say so yet.
fn untouched(failure: Failure) -> Failure {
    if failure.has_state() || failure.kind() == Kind::Partial {
        failure
    } else {
        failure.state("nothing was changed")
    }
}
