use std::time::Duration;

use super::{Credential, LoginError, Server, Session, SqlError, Statement};

/// The database in which the lock is taken. Advisory locks are per database, so all writers must
/// meet in one; initdb makes this one, and tools rely on it.
const MEETING_PLACE: &str = "postgres";

/// The lock's key: the first eight bytes of the ASCII text `datalab-share-db`, as an integer, so
/// that no other program has it by chance.
const KEY: i64 = i64::from_be_bytes(*b"datalab-");

/// How long to wait for another writer. A grant holds the lock for well under a second.
const WAIT: Duration = Duration::from_secs(20);

/// The right to change roles and privileges of one server, held until it is dropped.
///
/// Two GRANTs on one schema at the same time fail with "tuple concurrently updated": PostgreSQL
/// does not lock catalogue rows for its writers.
#[derive(Debug)]
pub(crate) struct ShareLock {
    session: Session,
}

impl ShareLock {
    /// Waits for the lock, within a bound.
    pub(crate) async fn take(server: &Server, credential: &Credential) -> Result<Self, LockError> {
        let session = server.login(credential, MEETING_PLACE).await?;
        let wait = Statement::open(format!("SET lock_timeout = {}", WAIT.as_millis()));
        session.run(&wait).await?;
        session
            .run(&Statement::open(format!("SELECT pg_advisory_lock({KEY})")))
            .await
            .map_err(|error| {
                if error.is_lock_timeout() {
                    LockError::Busy
                } else {
                    error.into()
                }
            })?;
        Ok(Self { session })
    }

    /// The session that holds the lock; good for queries on what all databases share.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }
}

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    #[error("another share-db is changing this server; it has not finished within {} s", WAIT.as_secs())]
    Busy,
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Sql(#[from] SqlError),
}
