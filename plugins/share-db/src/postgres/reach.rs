use serde::Serialize;
use tokio_postgres::types::ToSql;

use super::{LoginError, Session, SqlError, Superuser, Terms};

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

/// Asks every database what `role` can do there beyond `terms`.
pub(crate) async fn reach(
    superuser: &Superuser,
    shared: &Session,
    role: &str,
    terms: &Terms,
) -> Result<Reach, ReachError> {
    let mut found = Reach::default();
    let rows = shared
        .rows(
            "SELECT datname::text, has_database_privilege($1::name, oid, 'TEMPORARY')
             FROM pg_database WHERE datallowconn AND has_database_privilege($1::name, oid, 'CONNECT') ORDER BY datname",
            &[&role],
        )
        .await?;
    for (index, row) in rows.iter().enumerate() {
        let name: String = row.get(0);
        if index >= DATABASES_MAX {
            found.unseen.push(name);
            continue;
        }
        let is_shared = name == shared.database();
        let nothing = Vec::new();
        let elsewhere;
        let (session, schemas) = if is_shared {
            (shared, &terms.schemas)
        } else {
            elsewhere = superuser.visit(&name).await?;
            (elsewhere.as_ref(), &nothing)
        };
        let (reads_verifiers, within) = futures::try_join!(
            reads_verifiers(session, role),
            within(session, role, schemas, terms)
        )?;
        found.reads_verifiers |= reads_verifiers;
        found.databases.push(DatabaseReach {
            database: name,
            shared: is_shared,
            temporary: row.get(1),
            ..within
        });
    }
    Ok(found)
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
    #[error(transparent)]
    Login(#[from] LoginError),
    #[error(transparent)]
    Sql(#[from] SqlError),
}
