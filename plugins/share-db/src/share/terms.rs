use std::{collections::BTreeMap, fmt};

use datalab_core::words::{Lifetime, Subject};
use jiff::Timestamp;
use thiserror::Error;

use super::Identity;
use crate::postgres::{Access, Login};

/// Where the terms stand on the share's Secret.
mod annotation {
    pub(super) const DATABASE: &str = "datalab/sql-database";
    pub(super) const SCHEMAS: &str = "datalab/schemas";
    pub(super) const ACCESS: &str = "datalab/access";
    pub(super) const EXPIRES: &str = "datalab/expires";
    pub(super) const LIFETIME: &str = "datalab/lifetime";
    pub(super) const CONNECTION_LIMIT: &str = "datalab/connection-limit";
    pub(super) const SUBJECTS: &str = "datalab/subjects";
    pub(super) const ROLE: &str = "datalab/sql-role";
}

/// How a missing value is written.
const NONE: &str = "none";

/// What a share gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The database inside the server.
    pub(crate) database: String,
    /// Sorted, without duplicates.
    pub(crate) schemas: Vec<String>,
    pub(crate) access: Access,
    pub(crate) expiry: Expiry,
    /// Sessions at once; `None` is no limit.
    pub(crate) connection_limit: Option<u32>,
    /// Who may read the Secret.
    pub(crate) subjects: Vec<Subject>,
}

/// When new logins end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// The moment; `None` is never.
    pub(crate) at: Option<Timestamp>,
    /// The lifetime that was asked for, so that asking for it again changes nothing.
    pub(crate) lifetime: Option<Lifetime>,
}

/// Annotations that do not say what the terms are: somebody edited them.
#[derive(Debug, Error)]
#[error("annotation {0} is missing or cannot be read")]
pub(crate) struct TermsError(&'static str);

impl Terms {
    /// The login of the share, as it should be.
    pub(crate) fn login(&self, identity: &Identity) -> Login {
        Login {
            role: identity.role_name(),
            comment: identity.comment(),
            connection_limit: self.connection_limit,
            valid_until: self.expiry.at,
        }
    }

    /// The terms as annotations.
    pub(crate) fn annotations(&self, role: &str) -> BTreeMap<String, String> {
        let Self {
            database,
            schemas,
            access,
            expiry: Expiry { at, lifetime },
            connection_limit,
            subjects,
        } = self;
        let subjects: Vec<String> = subjects.iter().map(Subject::to_string).collect();
        let json = |list: &[String]| serde_json::Value::from(list).to_string();
        [
            (annotation::DATABASE, database.clone()),
            (annotation::SCHEMAS, json(schemas)),
            (annotation::ACCESS, access.to_string()),
            (annotation::EXPIRES, or_none(*at)),
            (annotation::LIFETIME, or_none(*lifetime)),
            (annotation::CONNECTION_LIMIT, or_none(*connection_limit)),
            (annotation::SUBJECTS, json(&subjects)),
            (annotation::ROLE, role.to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// The terms out of annotations.
    ///
    /// # Errors
    /// One is missing, or was edited into something that is no term.
    pub(crate) fn from_annotations(
        annotations: &BTreeMap<String, String>,
    ) -> Result<Self, TermsError> {
        let text = |key: &'static str| {
            annotations
                .get(key)
                .map(String::as_str)
                .ok_or(TermsError(key))
        };
        let list = |key: &'static str| -> Result<Vec<String>, TermsError> {
            serde_json::from_str(text(key)?).map_err(|_| TermsError(key))
        };
        Ok(Self {
            database: text(annotation::DATABASE)?.to_owned(),
            schemas: list(annotation::SCHEMAS)?,
            access: text(annotation::ACCESS)?
                .parse()
                .map_err(|()| TermsError(annotation::ACCESS))?,
            expiry: Expiry {
                at: parsed(annotation::EXPIRES, text(annotation::EXPIRES)?)?,
                lifetime: parsed(annotation::LIFETIME, text(annotation::LIFETIME)?)?,
            },
            connection_limit: parsed(
                annotation::CONNECTION_LIMIT,
                text(annotation::CONNECTION_LIMIT)?,
            )?,
            subjects: list(annotation::SUBJECTS)?
                .iter()
                .map(|subject| {
                    subject
                        .parse()
                        .map_err(|_| TermsError(annotation::SUBJECTS))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether somebody who may read the login now may not by `new`.
    pub(crate) fn parts_with_somebody(&self, new: &Self) -> bool {
        !self
            .subjects
            .iter()
            .all(|subject| new.subjects.contains(subject))
    }

    /// What is different in `new`, a line each.
    pub(crate) fn changes(&self, new: &Self) -> Vec<String> {
        let subjects = |terms: &Self| {
            terms
                .subjects
                .iter()
                .map(Subject::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        [
            ("database", self.database.clone(), new.database.clone()),
            ("schemas", self.schemas.join(", "), new.schemas.join(", ")),
            ("access", self.access.to_string(), new.access.to_string()),
            ("expires", self.expiry.to_string(), new.expiry.to_string()),
            (
                "connection limit",
                or_none(self.connection_limit),
                or_none(new.connection_limit),
            ),
            ("subjects", subjects(self), subjects(new)),
        ]
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .map(|(what, before, after)| format!("{what}: {before} -> {after}"))
        .chain(self.parts_with_somebody(new).then(|| {
            "password: replaced, and its sessions cut, for not all who know it are still meant"
                .to_owned()
        }))
        .collect()
    }
}

impl Expiry {
    /// Whether new logins are over at `now`.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.at.is_some_and(|at| at <= now)
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => at.fmt(f),
            None => f.write_str("never"),
        }
    }
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

fn parsed<T: std::str::FromStr>(key: &'static str, text: &str) -> Result<Option<T>, TermsError> {
    match text {
        NONE => Ok(None),
        text => text.parse().map(Some).map_err(|_| TermsError(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            database: "default\"db".into(),
            schemas: vec!["public".into(), "it's, \"mine\"".into()],
            access: Access::Write,
            expiry: Expiry {
                at: Some("2026-12-21T10:00:00Z".parse().unwrap()),
                lifetime: Some(Lifetime::from_days(30)),
            },
            connection_limit: Some(5),
            subjects: vec![
                "user:oidc-x".parse().unwrap(),
                "group:system:serviceaccounts:user-x".parse().unwrap(),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(
            Terms::from_annotations(&terms().annotations("share_x")).unwrap(),
            terms()
        );
        let mut endless = terms();
        endless.expiry = Expiry {
            at: None,
            lifetime: None,
        };
        endless.connection_limit = None;
        assert_eq!(
            Terms::from_annotations(&endless.annotations("share_x")).unwrap(),
            endless
        );
    }

    #[test]
    fn an_edited_annotation_is_an_error() {
        for key in [
            annotation::SCHEMAS,
            annotation::ACCESS,
            annotation::EXPIRES,
            annotation::SUBJECTS,
        ] {
            let mut annotations = terms().annotations("share_x");
            annotations.insert(key.to_owned(), "?".to_owned());
            assert!(Terms::from_annotations(&annotations).is_err(), "{key}");
        }
    }

    #[test]
    fn changes_are_named() {
        let mut new = terms();
        new.access = Access::Read;
        new.connection_limit = None;
        assert_eq!(
            terms().changes(&new),
            ["access: write -> read", "connection limit: 5 -> none"]
        );
        assert!(terms().changes(&terms()).is_empty());
    }

    #[test]
    fn one_subject_less_is_a_parting_and_one_more_is_none() {
        let (all, mut fewer) = (terms(), terms());
        fewer.subjects.pop();
        assert!(all.parts_with_somebody(&fewer));
        assert!(!fewer.parts_with_somebody(&all) && !all.parts_with_somebody(&all));
        assert_eq!(all.changes(&fewer).len(), 2);
    }
}
