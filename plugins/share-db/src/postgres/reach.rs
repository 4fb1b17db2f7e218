use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;

use super::{LoginError, Session, SqlError, Superuser, Terms};

/// How many databases are looked into at once: more would take a small server's connections.
const LOOKS_AT_ONCE: usize = 3;

/// How long all looks may take: a catalogue of ten thousand tables takes about two seconds.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// How many databases are looked into; a server of a tenant has two or three.
const DATABASES_MAX: usize = 16;

/// How many relations, and how many functions, of one database are named.
const SHOWN: usize = 10;

/// What a login can touch beyond its share, because it was granted to PUBLIC.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reach {
    /// Databases it can connect to.
    pub(crate) databases: Vec<DatabaseReach>,
    /// Databases that were not looked into.
    pub(crate) unseen: Vec<String>,
    /// Whether password verifiers can be read; never true for a login of ours.
    pub(crate) reads_verifiers: bool,
}

/// The reach within one database.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DatabaseReach {
    pub(crate) database: String,
    /// Whether it is the shared one.
    pub(crate) shared: bool,
    /// It may make temporary tables.
    pub(crate) temporary: bool,
    /// Schemas in which it may create.
    pub(crate) creates_in: Vec<String>,
    /// Relations it can read or write beyond the share: the first few, as `schema.name (SELECT, …)`.
    pub(crate) relations: Vec<String>,
    /// How many there are.
    pub(crate) relation_count: i64,
    /// Functions it can call that run as their owner (SECURITY DEFINER), and so do what the owner
    /// may: the first few, as `schema.name(types)`.
    pub(crate) definer_functions: Vec<String>,
    /// How many there are.
    pub(crate) definer_function_count: i64,
}

/// The databases that a login can enter.
#[derive(Debug)]
pub(crate) struct Entrances {
    /// Each with whether it may make temporary tables there.
    databases: Vec<(String, bool)>,
    /// Those that are not looked into, for there are too many.
    unseen: Vec<String>,
}

impl Entrances {
    /// Asks the server, in the session of any database.
    pub(crate) async fn of(session: &Session, role: &str) -> Result<Self, SqlError> {
        let rows = session
            .rows(
                "SELECT datname::text, has_database_privilege($1::name, oid, 'TEMPORARY')
                 FROM pg_database WHERE datallowconn AND has_database_privilege($1::name, oid, 'CONNECT') ORDER BY datname",
                &[&role],
            )
            .await?;
        let mut databases: Vec<(String, bool)> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let unseen = databases.split_off(databases.len().min(DATABASES_MAX));
        Ok(Self {
            databases,
            unseen: unseen.into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// How many logins of the superuser it takes to look into them.
    pub(crate) fn logins(&self, superuser: &Superuser) -> usize {
        let is_new = |(name, _): &&(String, bool)| !superuser.has_kept(name);
        self.databases.iter().filter(is_new).count()
    }
}

/// Asks every database that `role` can enter what it can do there beyond `terms`.
pub(crate) async fn reach(
    superuser: &Superuser,
    entrances: Entrances,
    role: &str,
    terms: &Terms,
) -> Result<Reach, ReachError> {
    let looks = entrances
        .databases
        .into_iter()
        .map(|(database, temporary)| look_into(superuser, database, temporary, role, terms));
    let looks = stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect();
    let looks: Vec<(DatabaseReach, bool)> = timeout(LOOK_TIMEOUT, looks)
        .await
        .map_err(|_| ReachError::TimedOut)??;
    Ok(Reach {
        reads_verifiers: looks.iter().any(|(_, reads_verifiers)| *reads_verifiers),
        databases: looks.into_iter().map(|(reach, _)| reach).collect(),
        unseen: entrances.unseen,
    })
}

/// The reach within a database, and whether password verifiers can be read there.
async fn look_into(
    superuser: &Superuser,
    database: String,
    temporary: bool,
    role: &str,
    terms: &Terms,
) -> Result<(DatabaseReach, bool), ReachError> {
    let shared = database == terms.database;
    let schemas: &[String] = if shared { &terms.schemas } else { &[] };
    let session = superuser.visit(&database).await?;
    let (reads_verifiers, within) = futures::try_join!(
        reads_verifiers(&session, role),
        within(&session, role, schemas, terms)
    )?;
    let reach = DatabaseReach {
        database,
        shared,
        temporary,
        ..within
    };
    Ok((reach, reads_verifiers))
}

/// All databases share the verifiers, but each has privileges of its own on the table.
async fn reads_verifiers(session: &Session, role: &str) -> Result<bool, SqlError> {
    let rows = session
        .rows(
            "SELECT has_table_privilege($1::name, 'pg_authid', 'SELECT')
                 OR has_column_privilege($1::name, 'pg_authid', 'rolpassword', 'SELECT')
                 OR has_table_privilege($1::name, 'pg_shadow', 'SELECT')",
            &[&role],
        )
        .await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

async fn within(
    session: &Session,
    role: &str,
    schemas: &[String],
    terms: &Terms,
) -> Result<DatabaseReach, SqlError> {
    let asked: &[&str] = match terms.access {
        super::Access::Read => &["SELECT"],
        super::Access::Write => &["SELECT", "INSERT", "UPDATE", "DELETE"],
    };
    let shown = SHOWN as i64;
    let role_alone: [&(dyn ToSql + Sync); 1] = [&role];
    let with_schemas: [&(dyn ToSql + Sync); 4] = [&role, &schemas, &asked, &shown];
    let with_limit: [&(dyn ToSql + Sync); 2] = [&role, &shown];
    let creates = session.rows(
        "SELECT nspname::text FROM pg_namespace
             WHERE nspname !~ '^pg_' AND has_schema_privilege($1::name, oid, 'CREATE') ORDER BY 1",
        &role_alone,
    );
    let relations = session.rows(
            "SELECT format('%s.%s (%s)', nspname, relname, string_agg(p, ', ' ORDER BY p)), count(*) OVER ()
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
                  unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
             WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p')
               AND nspname !~ '^pg_' AND nspname <> 'information_schema'
               AND has_schema_privilege($1::name, n.oid, 'USAGE') AND has_table_privilege($1::name, c.oid, p)
               AND NOT (nspname = ANY ($2) AND p = ANY ($3))
             GROUP BY nspname, relname ORDER BY nspname, relname LIMIT $4",
            &with_schemas,
        );
    let functions = session.rows(
            "SELECT p.oid::regprocedure::text, count(*) OVER ()
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE p.prosecdef AND nspname !~ '^pg_' AND nspname <> 'information_schema'
               AND has_schema_privilege($1::name, n.oid, 'USAGE') AND has_function_privilege($1::name, p.oid, 'EXECUTE')
             ORDER BY 1 LIMIT $2",
            &with_limit,
        );
    let (creates, relations, functions) = futures::try_join!(creates, relations, functions)?;
    Ok(DatabaseReach {
        creates_in: creates.iter().map(|row| row.get(0)).collect(),
        relation_count: relations.first().map_or(0, |row| row.get(1)),
        relations: relations.iter().map(|row| row.get(0)).collect(),
        definer_function_count: functions.first().map_or(0, |row| row.get(1)),
        definer_functions: functions.iter().map(|row| row.get(0)).collect(),
        ..DatabaseReach::default()
    })
}

/// Why the reach could not be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    #[error("the databases did not tell within {} s what the login reaches", LOOK_TIMEOUT.as_secs())]
    TimedOut,
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Sql(#[from] SqlError),
}
