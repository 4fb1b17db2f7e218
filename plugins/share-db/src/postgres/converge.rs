use std::collections::BTreeSet;

use super::{
    Login, LoginError, LoginState, Statement, Superuser, Terms, Verifier,
    held::{Relations, databases_elsewhere, held},
    privilege::difference,
    session::{Session, SqlError},
};

/// How often a transaction is tried that met another writer on a catalogue row. The lock keeps our
/// own writers apart; the owner's GRANTs know nothing of it.
const ATTEMPTS: u32 = 4;

/// What was found and what has to be done.
#[derive(Clone, Debug)]
pub(crate) struct Converged {
    /// The role as it was before.
    pub(crate) before: Option<LoginState>,
    /// The statements that were, or would be, run; none when nothing differs.
    pub(crate) statements: Vec<Statement>,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Read only.
    Plan,
    /// Run everything in a transaction that is rolled back.
    TryOut,
    /// Run everything in one transaction.
    Commit,
}

/// Why a login could not be made what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvergeError {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Sql(#[from] SqlError),
}

/// Makes the login and its privileges what they should be, in one transaction of the shared
/// database: it is there whole, or not at all. Then takes back what the login holds in other
/// databases: a share that moved from one to the other, or a grant by hand.
///
/// Everything a role is stands in catalogues that all databases share, so CREATE ROLE and the
/// grants inside the database commit together.
pub(crate) async fn converge(
    session: &Session,
    superuser: &Superuser,
    login: &Login,
    terms: &Terms,
    password: &str,
    fresh: &Verifier,
    change: Change,
) -> Result<Converged, ConvergeError> {
    let mut attempt = 1;
    let mut converged = loop {
        let converged = plan(session, login, terms, password, fresh).await?;
        if change == Change::Plan || converged.statements.is_empty() {
            break converged;
        }
        match transact(session, &converged.statements, change).await {
            Err(error) if error.is_concurrent_update() && attempt < ATTEMPTS => attempt += 1,
            result => {
                result?;
                break converged;
            }
        }
    };
    for database in databases_elsewhere(session, &login.role).await? {
        let there = superuser.visit(&database).await?;
        let held = held(&there, &login.role).await?;
        let statements = difference(&login.role, &held, &BTreeSet::new());
        if change != Change::Plan && !statements.is_empty() {
            transact(&there, &statements, change).await?;
        }
        converged.statements.extend(statements);
    }
    Ok(converged)
}

async fn plan(
    session: &Session,
    login: &Login,
    terms: &Terms,
    password: &str,
    fresh: &Verifier,
) -> Result<Converged, SqlError> {
    // One round trip for all three: the client sends on without waiting.
    let (before, relations, held) = futures::try_join!(
        LoginState::read(session, &login.role),
        Relations::read(session, &terms.schemas),
        held(session, &login.role),
    )?;
    let mut statements = login.difference(before.as_ref(), password, fresh);
    statements.extend(difference(
        &login.role,
        &held,
        &terms.privileges(&relations),
    ));
    Ok(Converged { before, statements })
}

async fn transact(
    session: &Session,
    statements: &[Statement],
    change: Change,
) -> Result<(), SqlError> {
    let (last, inside): (Vec<&Statement>, Vec<&Statement>) = statements
        .iter()
        .partition(|statement| statement.waits_for_commit());
    session.run(&Statement::open("BEGIN")).await?;
    let result = run_all(session, &inside).await;
    let end = if result.is_ok() && change == Change::Commit {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    let ended = session.run(&Statement::open(end)).await;
    result.and(ended)?;
    if change == Change::Commit {
        run_all(session, &last).await?;
    }
    Ok(())
}

async fn run_all(session: &Session, statements: &[&Statement]) -> Result<(), SqlError> {
    for statement in statements {
        if statement.is_secret() {
            // A verifier lets its reader pose as the server; logs are read by more people than
            // pg_authid is.
            session
                .run(&Statement::open(
                    "SET LOCAL log_statement = 'none'; SET LOCAL log_min_error_statement = 'panic'; SET LOCAL log_min_duration_statement = -1",
                ))
                .await?;
            session.run(statement).await?;
            session
                .run(&Statement::open(
                    "RESET log_statement; RESET log_min_error_statement; RESET log_min_duration_statement",
                ))
                .await?;
        } else {
            session.run(statement).await?;
        }
    }
    Ok(())
}
