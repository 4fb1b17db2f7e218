use std::time::{Duration, Instant};

use serde::Serialize;

use super::{
    Change, LoginError, Session, SqlError, Statement, Superuser,
    lock::ShareLock,
    statement::{identifier, literal},
};

/// How long a session that was told to end may take: one that sorts or writes a lot looks up only
/// now and then.
const SESSION_END: Duration = Duration::from_secs(5);

/// How often to look whether it has.
const SESSION_POLL: Duration = Duration::from_millis(20);

/// Something the grantee owns.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnedObject {
    pub(crate) database: String,
    /// As PostgreSQL describes it: `table public.notes`.
    pub(crate) object: String,
}

/// What was withdrawn from the database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withdrawn {
    /// Whether there was a role at all.
    pub(crate) found: bool,
    /// Whether it is gone now; a role that owns something stays, without login.
    pub(crate) dropped: bool,
    /// Sessions that were cut.
    pub(crate) sessions_cut: i64,
    /// What the role owned.
    pub(crate) owned: Vec<OwnedObject>,
    /// The statements that were, or would be, run.
    pub(crate) statements: Vec<Statement>,
}

/// Takes everything back from a role and drops it: no login, sessions cut, what it owns given to
/// `heir` if there is one, privileges taken back in every database, the role dropped.
///
/// A role that owns something is kept when there is no heir: without login, without privileges.
pub(crate) async fn withdraw(
    superuser: &Superuser,
    lock: &ShareLock,
    role: &str,
    heir: Option<&str>,
    change: Change,
) -> Result<Withdrawn, WithdrawError> {
    let mut withdrawal = Withdrawal {
        superuser,
        base: lock.session(),
        role,
        change,
        done: Withdrawn::default(),
    };
    withdrawal.run(heir).await?;
    Ok(withdrawal.done)
}

/// Why a role could not be withdrawn whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WithdrawError {
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Sql(#[from] SqlError),
    #[error("there is no role {0:?} to hand the objects to")]
    NoHeir(String),
}

struct Withdrawal<'a> {
    superuser: &'a Superuser,
    base: &'a Session,
    role: &'a str,
    change: Change,
    done: Withdrawn,
}

impl Withdrawal<'_> {
    async fn run(&mut self, heir: Option<&str>) -> Result<(), WithdrawError> {
        if !self.exists(self.role).await? {
            return Ok(());
        }
        self.done.found = true;
        if let Some(heir) = heir
            && !self.exists(heir).await?
        {
            return Err(WithdrawError::NoHeir(heir.to_owned()));
        }
        let role = identifier(self.role);
        self.execute(self.base, format!("ALTER ROLE {role} NOLOGIN"))
            .await?;
        self.done.sessions_cut += self.cut_sessions().await?;

        for database in self.databases_with_dependencies().await? {
            let there = self.superuser.visit(&database).await?;
            let owned = self.owned(&there).await?;
            let is_empty = owned.is_empty();
            self.done.owned.extend(owned);
            match heir {
                Some(heir) if !is_empty => {
                    let heir = identifier(heir);
                    self.execute(&there, format!("REASSIGN OWNED BY {role} TO {heir}"))
                        .await?;
                    self.execute(&there, format!("DROP OWNED BY {role}"))
                        .await?;
                }
                // DROP OWNED drops objects too, so it is safe only where there are none.
                _ if is_empty => {
                    self.execute(&there, format!("DROP OWNED BY {role}"))
                        .await?;
                }
                _ => self.take_back(&there).await?,
            }
        }
        // A login that was under way when NOLOGIN committed may have become a session since.
        if self.change == Change::Commit {
            self.done.sessions_cut += self.cut_sessions().await?;
        }
        if self.done.owned.is_empty() || heir.is_some() {
            self.execute(self.base, format!("DROP ROLE {role}")).await?;
            self.done.dropped = true;
        }
        Ok(())
    }

    async fn execute(&mut self, session: &Session, sql: String) -> Result<(), SqlError> {
        let statement = Statement::open(sql);
        if self.change == Change::Commit {
            session.run(&statement).await?;
        }
        self.done.statements.push(statement);
        Ok(())
    }

    async fn exists(&self, role: &str) -> Result<bool, SqlError> {
        let rows = self
            .base
            .rows("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&role])
            .await?;
        Ok(!rows.is_empty())
    }

    async fn cut_sessions(&mut self) -> Result<i64, SqlError> {
        let who = format!("usename = {}", literal(self.role));
        let (query, cut) = if self.change == Change::Commit {
            (
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1",
                true,
            )
        } else {
            (
                "SELECT count(*) FROM pg_stat_activity WHERE usename = $1",
                false,
            )
        };
        let rows = self.base.rows(query, &[&self.role]).await?;
        let count = rows.first().map_or(0, |row| row.get(0));
        if cut && count > 0 {
            self.wait_for_the_end_of_sessions(query).await?;
            self.done.statements.push(Statement::open(format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {who}"
            )));
        }
        Ok(count)
    }

    /// A session that was told to end may still commit what it is at, so it is waited for, within a
    /// bound; told again, since a login may have been under way.
    async fn wait_for_the_end_of_sessions(&self, cut: &str) -> Result<(), SqlError> {
        let begun = Instant::now();
        while begun.elapsed() < SESSION_END {
            tokio::time::sleep(SESSION_POLL).await;
            let rows = self.base.rows(cut, &[&self.role]).await?;
            if rows.first().is_none_or(|row| row.get::<_, i64>(0) == 0) {
                break;
            }
        }
        Ok(())
    }

    /// Databases in which the role owns something or holds a privilege; what all databases share
    /// (a privilege on a database, say) is seen from any of them, so the base always counts.
    async fn databases_with_dependencies(&self) -> Result<Vec<String>, SqlError> {
        let rows = self
            .base
            .rows(
                "SELECT DISTINCT d.datname::text FROM pg_shdepend s
                 JOIN pg_database d ON d.oid = s.dbid OR (s.dbid = 0 AND d.datname = current_database())
                 WHERE s.refclassid = 'pg_authid'::regclass AND d.datallowconn
                   AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1) ORDER BY 1",
                &[&self.role],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn owned(&self, there: &Session) -> Result<Vec<OwnedObject>, SqlError> {
        let rows = there
            .rows(
                "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
                 WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o'
                   AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)
                   AND (dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
                        OR (dbid = 0 AND current_database() = $2))
                 ORDER BY 1",
                &[&self.role, &self.base.database()],
            )
            .await?;
        Ok(rows
            .iter()
            .map(|row| OwnedObject {
                database: there.database().to_owned(),
                object: row.get(0),
            })
            .collect())
    }

    /// Takes the privileges back without touching what the role owns.
    async fn take_back(&mut self, there: &Session) -> Result<(), SqlError> {
        let held = super::held::held(there, self.role).await?;
        for statement in super::privilege::difference(self.role, &held, &Default::default()) {
            if self.change == Change::Commit {
                there.run(&statement).await?;
            }
            self.done.statements.push(statement);
        }
        Ok(())
    }
}
