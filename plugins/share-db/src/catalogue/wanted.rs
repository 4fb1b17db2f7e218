use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest name that is looked for, in bytes; Onyxia's friendly names are shorter.
const NAME_MAX: usize = 253;

/// A kind of database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
}

/// What the command line asks for: `KIND` or `KIND/NAME`.
///
/// The name is a release, a Service or an Onyxia friendly name, so it can be any text; it is only
/// ever compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) name: Option<String>,
}

/// Why a text asks for no database.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum WantedError {
    #[error("share-db does not know {0:?} yet; it shares postgres")]
    Unknown(String),
    #[error("{0:?} is no kind of database; expected postgres or postgres/NAME")]
    Malformed(String),
    #[error("the name after postgres/ is empty, longer than 253 bytes or holds control characters")]
    Name,
}

/// Kinds of the platform's catalogue that are not shared yet, so that asking for one says so.
const NOT_YET: [&str; 9] = [
    "mariadb",
    "mysql",
    "mongodb",
    "redis",
    "elastic",
    "opensearch",
    "neo4j",
    "qdrant",
    "milvus",
];

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        let (kind, name) = match text.split_once('/') {
            None => (text, None),
            Some((kind, name)) => (kind, Some(name)),
        };
        let kind = match kind {
            "postgres" | "postgresql" | "pg" => Kind::Postgres,
            kind if NOT_YET.contains(&kind) => return Err(WantedError::Unknown(kind.to_owned())),
            kind => return Err(WantedError::Malformed(kind.chars().take(40).collect())),
        };
        if name.is_some_and(|name| {
            name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control)
        }) {
            return Err(WantedError::Name);
        }
        Ok(Self {
            kind,
            name: name.map(str::to_owned),
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres => f.write_str("postgres"),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => self.kind.fmt(f),
            Some(name) => write!(f, "{}/{name}", self.kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_names() {
        for text in [
            "postgres",
            "postgres/postgresql-951239",
            "postgres/My sales, 2026/Q1",
        ] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        assert_eq!("pg/x".parse::<Wanted>().unwrap().to_string(), "postgres/x");
        assert_eq!(
            "mariadb/x".parse::<Wanted>(),
            Err(WantedError::Unknown("mariadb".into()))
        );
        assert!(matches!(
            "'; drop".parse::<Wanted>(),
            Err(WantedError::Malformed(_))
        ));
        assert_eq!("postgres/".parse::<Wanted>(), Err(WantedError::Name));
        assert_eq!(
            format!("postgres/{}", "x".repeat(300)).parse::<Wanted>(),
            Err(WantedError::Name)
        );
        assert_eq!(
            "postgres/a\u{1b}b".parse::<Wanted>(),
            Err(WantedError::Name)
        );
    }
}
