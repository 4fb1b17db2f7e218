use std::{sync::Arc, time::Duration};

use super::{LoginError, Session, SqlError, Statement, Superuser};

/// The database in which the lock is taken. Advisory locks are per database, so all writers must
/// meet in one; initdb makes this one, and tools rely on it.
const MEETING_PLACE: &str = "postgres";

/// The lock's key: the first eight bytes of the ASCII text `datalab-share-db`, as an integer, so
/// that no other program has it by chance.
const KEY: i64 = i64::from_be_bytes(*b"datalab-");

/// How long to wait for another writer. A grant holds the lock for well under a second.
const WAIT: Duration = Duration::from_secs(20);

/// The right to change roles and privileges of one server, held until it is released or its session
/// ends.
///
/// Two GRANTs on one schema at the same time fail with "tuple concurrently updated": PostgreSQL
/// does not lock catalogue rows for its writers.
#[derive(Debug)]
pub(crate) struct ShareLock {
    session: Arc<Session>,
}

impl ShareLock {
    /// Waits for the lock, within a bound.
    pub(crate) async fn take(superuser: &Superuser) -> Result<Self, LockError> {
        let session = superuser.session(MEETING_PLACE).await?;
        // The bound ends with the transaction, the lock goes on with the session.
        let wait = Statement::open(format!(
            "BEGIN; SET LOCAL lock_timeout = {}; SELECT pg_advisory_lock({KEY}); COMMIT",
            WAIT.as_millis()
        ));
        match session.run(&wait).await {
            Ok(()) => Ok(Self { session }),
            Err(error) => {
                let _ = session.run(&Statement::open("ROLLBACK")).await;
                Err(if error.is_lock_timeout() {
                    LockError::Busy
                } else {
                    error.into()
                })
            }
        }
    }

    /// Lets the next writer in, while the session goes on. A session that cannot be told so is gone,
    /// and its lock with it.
    pub(crate) async fn release(&self) {
        let unlock = Statement::open(format!("SELECT pg_advisory_unlock({KEY})"));
        let _ = self.session.run(&unlock).await;
    }

    /// Whether the session is gone, and the lock with it.
    pub(crate) fn is_lost(&self) -> bool {
        self.session.is_lost()
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
