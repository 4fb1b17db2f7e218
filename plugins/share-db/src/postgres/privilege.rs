use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::Serialize;

use super::{
    session::{Session, SqlError},
    statement::{Statement, identifier},
};

/// What the grantee may do with the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// Read rows.
    #[default]
    Read,
    /// Read, insert, change and delete rows, and use sequences.
    Write,
}

/// What a share opens: schemas of one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) database: String,
    /// Sorted, without duplicates.
    pub(crate) schemas: Vec<String>,
    pub(crate) access: Access,
    /// The roles whose future tables are opened too: the owner and the superuser.
    pub(crate) creators: Vec<String>,
}

/// One privilege on one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Privilege {
    on: On,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    Database(String),
    Schema(String),
    Relation(Kind, String, String),
    /// What `creator` will make in a schema, or anywhere.
    Future(Kind, String, Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Table,
    Sequence,
}

impl Access {
    fn on_tables(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["SELECT"],
            Self::Write => &["SELECT", "INSERT", "UPDATE", "DELETE"],
        }
    }

    fn on_sequences(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["SELECT"],
            Self::Write => &["SELECT", "USAGE"],
        }
    }

    fn on(self, kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::Table => self.on_tables(),
            Kind::Sequence => self.on_sequences(),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

impl FromStr for Access {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(()),
        }
    }
}

impl Terms {
    /// Every privilege that these terms mean today, given the relations that exist.
    pub(crate) fn privileges(&self, relations: &Relations) -> BTreeSet<Privilege> {
        let mut wanted = BTreeSet::new();
        let mut want = |on: On, name: &str| {
            wanted.insert(Privilege {
                on,
                name: name.to_owned(),
            });
        };
        want(On::Database(self.database.clone()), "CONNECT");
        for schema in &self.schemas {
            want(On::Schema(schema.clone()), "USAGE");
            for kind in [Kind::Table, Kind::Sequence] {
                for name in self.access.on(kind) {
                    for creator in &self.creators {
                        want(
                            On::Future(kind, creator.clone(), Some(schema.clone())),
                            name,
                        );
                    }
                }
            }
        }
        for (kind, schema, relation) in &relations.0 {
            if self.schemas.contains(schema) {
                for name in self.access.on(*kind) {
                    want(On::Relation(*kind, schema.clone(), relation.clone()), name);
                }
            }
        }
        wanted
    }
}

/// The tables (views, partitions and foreign tables count) and sequences of a database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relations(Vec<(Kind, String, String)>);

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
                .map(|row| (kind(row.get(0)), row.get(1), row.get(2)))
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
             SELECT 'database', NULL, datname::text, privilege_type, false
             FROM grantee, pg_database, aclexplode(datacl) a
             WHERE a.grantee = grantee.oid AND datname = current_database()
             UNION ALL
             SELECT 'schema', NULL, nspname::text, privilege_type, false
             FROM grantee, pg_namespace, aclexplode(nspacl) a WHERE a.grantee = grantee.oid
             UNION ALL
             SELECT 'relation', nspname::text, relname::text, privilege_type, relkind = 'S'
             FROM grantee, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(relacl) a
             WHERE a.grantee = grantee.oid
             UNION ALL
             SELECT 'future', nspname::text, rolname::text, privilege_type, defaclobjtype = 'S'
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
            let on = match row.get(0) {
                "database" => On::Database(name),
                "schema" => On::Schema(name),
                "relation" => On::Relation(kind(row.get(4)), schema.unwrap_or_default(), name),
                _ => On::Future(kind(row.get(4)), name, schema),
            };
            Privilege {
                on,
                name: row.get(3),
            }
        })
        .collect())
}

fn kind(is_sequence: bool) -> Kind {
    if is_sequence {
        Kind::Sequence
    } else {
        Kind::Table
    }
}

/// The statements that turn what is held into what is wanted; none when they are the same.
///
/// What is missing on relations is granted for all relations of the schema at once, which also
/// covers one that was made since they were read. What is too much is taken back one by one.
pub(crate) fn difference(
    role: &str,
    held: &BTreeSet<Privilege>,
    wanted: &BTreeSet<Privilege>,
) -> Vec<Statement> {
    let role = identifier(role);
    let revoked: BTreeSet<String> = held
        .difference(wanted)
        .map(|Privilege { on, name }| match on {
            On::Future(..) => format!(
                "{} REVOKE {name} ON {} FROM {role}",
                on.future_of(),
                on.in_sql()
            ),
            _ => format!("REVOKE {name} ON {} FROM {role}", on.in_sql()),
        })
        .collect();
    let granted: BTreeSet<String> = wanted
        .difference(held)
        .map(|Privilege { on, name }| match on {
            On::Future(..) => format!(
                "{} GRANT {name} ON {} TO {role}",
                on.future_of(),
                on.in_sql()
            ),
            On::Relation(kind, schema, _) => {
                format!(
                    "GRANT {name} ON ALL {}S IN SCHEMA {} TO {role}",
                    kind.in_sql(),
                    identifier(schema)
                )
            }
            _ => format!("GRANT {name} ON {} TO {role}", on.in_sql()),
        })
        .collect();
    revoked
        .into_iter()
        .chain(granted)
        .map(Statement::open)
        .collect()
}

impl Kind {
    fn in_sql(self) -> &'static str {
        match self {
            Self::Table => "TABLE",
            Self::Sequence => "SEQUENCE",
        }
    }
}

impl On {
    fn in_sql(&self) -> String {
        match self {
            Self::Database(name) => format!("DATABASE {}", identifier(name)),
            Self::Schema(name) => format!("SCHEMA {}", identifier(name)),
            Self::Relation(kind, schema, name) => {
                format!(
                    "{} {}.{}",
                    kind.in_sql(),
                    identifier(schema),
                    identifier(name)
                )
            }
            Self::Future(kind, ..) => format!("{}S", kind.in_sql()),
        }
    }

    fn future_of(&self) -> String {
        let Self::Future(_, creator, schema) = self else {
            return String::new();
        };
        let place = schema
            .as_ref()
            .map(|schema| format!(" IN SCHEMA {}", identifier(schema)));
        format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {}{}",
            identifier(creator),
            place.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(access: Access) -> Terms {
        Terms {
            database: "defaultdb".into(),
            schemas: vec!["sales".into()],
            access,
            creators: vec!["me".into()],
        }
    }

    fn relations() -> Relations {
        Relations(vec![
            (Kind::Table, "sales".into(), "orders".into()),
            (Kind::Table, "hr".into(), "pay".into()),
            (Kind::Sequence, "sales".into(), "orders_id_seq".into()),
        ])
    }

    fn texts(statements: &[Statement]) -> Vec<&str> {
        statements.iter().map(Statement::text).collect()
    }

    #[test]
    fn a_fresh_read_grant() {
        let wanted = terms(Access::Read).privileges(&relations());
        assert_eq!(
            texts(&difference("share_x", &BTreeSet::new(), &wanted)),
            [
                "ALTER DEFAULT PRIVILEGES FOR ROLE \"me\" IN SCHEMA \"sales\" GRANT SELECT ON SEQUENCES TO \"share_x\"",
                "ALTER DEFAULT PRIVILEGES FOR ROLE \"me\" IN SCHEMA \"sales\" GRANT SELECT ON TABLES TO \"share_x\"",
                "GRANT CONNECT ON DATABASE \"defaultdb\" TO \"share_x\"",
                "GRANT SELECT ON ALL SEQUENCES IN SCHEMA \"sales\" TO \"share_x\"",
                "GRANT SELECT ON ALL TABLES IN SCHEMA \"sales\" TO \"share_x\"",
                "GRANT USAGE ON SCHEMA \"sales\" TO \"share_x\"",
            ]
        );
    }

    #[test]
    fn the_same_terms_need_nothing() {
        let wanted = terms(Access::Write).privileges(&relations());
        assert!(difference("share_x", &wanted, &wanted).is_empty());
    }

    #[test]
    fn less_than_before_is_taken_back() {
        let (read, write) = (terms(Access::Read), terms(Access::Write));
        let back = difference(
            "x",
            &write.privileges(&relations()),
            &read.privileges(&relations()),
        );
        assert!(texts(&back).contains(&"REVOKE INSERT ON TABLE \"sales\".\"orders\" FROM \"x\""));
        assert!(texts(&back).contains(
            &"ALTER DEFAULT PRIVILEGES FOR ROLE \"me\" IN SCHEMA \"sales\" REVOKE DELETE ON TABLES FROM \"x\""
        ));
        assert!(
            back.iter()
                .all(|statement| statement.text().contains("REVOKE"))
        );
    }

    #[test]
    fn names_are_quoted_everywhere() {
        let hostile = "a\" ; DROP TABLE x; --";
        let terms = Terms {
            database: hostile.into(),
            schemas: vec![hostile.into()],
            access: Access::Write,
            creators: vec![hostile.into()],
        };
        let relations = Relations(vec![(Kind::Table, hostile.into(), hostile.into())]);
        let (none, all) = (BTreeSet::new(), terms.privileges(&relations));
        for statement in difference(hostile, &none, &all)
            .iter()
            .chain(&difference(hostile, &all, &none))
        {
            let outside: String = statement.text().split('"').step_by(2).collect();
            assert!(!outside.contains("DROP"), "{}", statement.text());
        }
    }
}
