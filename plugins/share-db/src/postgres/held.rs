use std::collections::BTreeSet;

use super::{
    privilege::{Kind, On, Privilege},
    session::{Session, SqlError},
};

/// The tables (views, partitions and foreign tables count) and sequences of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relations(pub(super) Vec<(Kind, String, String)>);

impl Relations {
    pub(crate) async fn read(session: &Session, schemas: &[String]) -> Result<Self, SqlError> {
        let rows = session
            .rows(
                "SELECT c.relkind = 'S', n.nspname::text, c.relname::text
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p', 'S') AND n.nspname = ANY ($1)",
                &[&schemas],
            )
            .await?;
        Ok(Self(
            rows.iter()
                .map(|row| (Kind::of(row.get(0)), row.get(1), row.get(2)))
                .collect(),
        ))
    }
}

/// The privileges granted to the role itself in the session's database, memberships and PUBLIC
/// apart.
pub(crate) async fn held(session: &Session, role: &str) -> Result<BTreeSet<Privilege>, SqlError> {
    let rows = session
        .rows(
            "WITH grantee AS (SELECT oid FROM pg_roles WHERE rolname = $1)
             SELECT 'database', NULL, datname::text, privilege_type, false, NULL
             FROM grantee, pg_database, aclexplode(datacl) a
             WHERE a.grantee = grantee.oid AND datname = current_database()
             UNION ALL
             SELECT 'schema', NULL, nspname::text, privilege_type, false, NULL
             FROM grantee, pg_namespace, aclexplode(nspacl) a WHERE a.grantee = grantee.oid
             UNION ALL
             SELECT 'relation', nspname::text, relname::text, privilege_type, relkind = 'S', NULL
             FROM grantee, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(relacl) a
             WHERE a.grantee = grantee.oid
             UNION ALL
             SELECT 'column', nspname::text, relname::text, privilege_type, false, attname::text
             FROM grantee, pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(attacl) a
             WHERE a.grantee = grantee.oid
             UNION ALL
             SELECT 'future', nspname::text, rolname::text, privilege_type, defaclobjtype = 'S', NULL
             FROM grantee, pg_default_acl d
             JOIN pg_roles r ON r.oid = d.defaclrole
             LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(defaclacl) a
             WHERE a.grantee = grantee.oid AND defaclobjtype IN ('r', 'S')",
            &[&role],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            let (schema, name): (Option<String>, String) = (row.get(1), row.get(2));
            let place = || schema.clone().unwrap_or_default();
            let on = match row.get(0) {
                "database" => On::Database(name),
                "schema" => On::Schema(name),
                "relation" => On::Relation(Kind::of(row.get(4)), place(), name),
                "column" => On::Column(place(), name, row.get(5)),
                _ => On::Future(Kind::of(row.get(4)), name, schema),
            };
            Privilege {
                on,
                name: row.get(3),
            }
        })
        .collect())
}

/// The other databases in which a role holds a privilege or owns something.
pub(crate) async fn databases_elsewhere(
    session: &Session,
    role: &str,
) -> Result<Vec<String>, SqlError> {
    let rows = session
        .rows(
            "SELECT DISTINCT d.datname::text FROM pg_shdepend s
             JOIN pg_database d ON d.oid = s.dbid
                 OR (s.dbid = 0 AND s.classid = 'pg_database'::regclass AND s.objid = d.oid)
             WHERE s.refclassid = 'pg_authid'::regclass AND d.datallowconn
               AND d.datname <> current_database()
               AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1) ORDER BY 1",
            &[&role],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
