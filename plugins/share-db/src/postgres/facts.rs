use std::collections::BTreeMap;

use super::session::{Session, SqlError};

/// What the server is, read before anything is written.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// `server_version_num`: 150018 is 15.18.
    pub(crate) version: i32,
    /// A standby takes no writes.
    pub(crate) is_standby: bool,
    /// The one who is logged in.
    pub(crate) user: String,
    pub(crate) is_superuser: bool,
    /// Whether it has a certificate and speaks TLS.
    pub(crate) has_tls: bool,
    pub(crate) databases: Vec<DatabaseFact>,
}

/// A database that can be connected to, templates apart.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseFact {
    pub(crate) name: String,
    pub(crate) owner: String,
}

impl Facts {
    /// Reads them in the session of any database.
    pub(crate) async fn read(session: &Session) -> Result<Self, SqlError> {
        let server = session.rows(
                "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_user::text,
                        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
                        current_setting('ssl')::bool",
                &[],
            );
        let databases = session.rows(
                "SELECT d.datname::text, r.rolname::text FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
                 WHERE d.datallowconn AND NOT d.datistemplate ORDER BY 1",
                &[],
            );
        let (server, databases) = futures::try_join!(server, databases)?;
        let row = &server[0];
        Ok(Self {
            version: row.get(0),
            is_standby: row.get(1),
            user: row.get(2),
            is_superuser: row.get(3),
            has_tls: row.get(4),
            databases: databases
                .iter()
                .map(|row| DatabaseFact {
                    name: row.get(0),
                    owner: row.get(1),
                })
                .collect(),
        })
    }

    /// The version as people say it.
    pub(crate) fn version_text(&self) -> String {
        format!("{}.{}", self.version / 10_000, self.version % 10_000)
    }
}

/// All schemas of the session's database but the system's, with their owners.
pub(crate) async fn schemas(session: &Session) -> Result<BTreeMap<String, String>, SqlError> {
    let rows = session
        .rows(
            "SELECT n.nspname::text, r.rolname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
             WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The schemas that a share opens when none is named: those that `owner` owns, by itself or as the
/// owner of the database; and `public` where the server still gives it to the superuser (before
/// PostgreSQL 15) and `owner` may create in it.
pub(crate) async fn default_schemas(
    session: &Session,
    owner: &str,
) -> Result<Vec<String>, SqlError> {
    let rows = session
        .rows(
            "SELECT n.nspname::text
             FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
             CROSS JOIN (SELECT o.rolname FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba
                         WHERE d.datname = current_database()) AS db
             WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
               AND (r.rolname = $1
                    OR (r.rolname = 'pg_database_owner' AND db.rolname = $1)
                    OR (n.nspname = 'public' AND r.rolsuper AND has_schema_privilege($1::name, n.oid, 'CREATE')))
             ORDER BY 1",
            &[&owner],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The logins whose comment begins with `prefix`, what follows it, and their open sessions.
pub(crate) async fn shared_logins(
    session: &Session,
    prefix: &str,
) -> Result<Vec<(String, String, i64)>, SqlError> {
    let rows = session
        .rows(
            "SELECT rolname::text, substr(shobj_description(oid, 'pg_authid'), length($1) + 1),
                    (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid)
             FROM pg_roles r WHERE starts_with(shobj_description(oid, 'pg_authid'), $1) ORDER BY 1",
            &[&prefix],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect())
}
