use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::Serialize;

use super::{
    held::Relations,
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
    pub(super) on: On,
    pub(super) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum On {
    Database(String),
    Schema(String),
    Relation(Kind, String, String),
    /// One column of a relation: never wanted, and held only when somebody granted it by hand.
    Column(String, String, String),
    /// What `creator` will make in a schema, or anywhere.
    Future(Kind, String, Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
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
            On::Column(.., column) => format!(
                "REVOKE {name} ({}) ON {} FROM {role}",
                identifier(column),
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
    /// Of a relation, by whether it is a sequence.
    pub(super) fn of(is_sequence: bool) -> Self {
        if is_sequence {
            Self::Sequence
        } else {
            Self::Table
        }
    }

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
            Self::Column(schema, relation, _) => {
                format!("TABLE {}.{}", identifier(schema), identifier(relation))
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
    fn a_column_is_taken_back_by_its_name() {
        let column = Privilege {
            on: On::Column("hr".into(), "pay".into(), "a\"b".into()),
            name: "SELECT".into(),
        };
        assert_eq!(
            texts(&difference("share_x", &[column].into(), &BTreeSet::new())),
            ["REVOKE SELECT (\"a\"\"b\") ON TABLE \"hr\".\"pay\" FROM \"share_x\""]
        );
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
