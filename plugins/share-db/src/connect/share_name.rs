use std::{fmt, str::FromStr};

use datalab_core::words::{NameError, Namespace, ObjectName};
use thiserror::Error;

/// `NAMESPACE/DATABASE`, as the owner's grant printed it.
#[derive(Clone, Debug)]
pub(crate) struct ShareName {
    pub(super) namespace: Namespace,
    pub(super) database: ObjectName,
}

/// Why a text names no share.
#[derive(Clone, Debug, Error)]
pub(crate) enum ShareNameError {
    #[error("expected NAMESPACE/DATABASE, as in user-me/postgresql-951239")]
    Malformed,
    #[error(transparent)]
    Name(#[from] NameError),
}

impl FromStr for ShareName {
    type Err = ShareNameError;

    fn from_str(text: &str) -> Result<Self, ShareNameError> {
        let (namespace, database) = text.split_once('/').ok_or(ShareNameError::Malformed)?;
        Ok(Self {
            namespace: namespace.parse()?,
            database: database.parse()?,
        })
    }
}

impl fmt::Display for ShareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_names() {
        assert_eq!(
            "user-me/db".parse::<ShareName>().unwrap().to_string(),
            "user-me/db"
        );
        for bad in [
            "user-me",
            "/db",
            "user-me/",
            "User/db",
            "user-me/a b",
            "a/b/c",
        ] {
            assert!(bad.parse::<ShareName>().is_err(), "{bad}");
        }
    }
}
