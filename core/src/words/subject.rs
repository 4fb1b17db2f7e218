use std::{fmt, str::FromStr};

use thiserror::Error;

use super::{NameError, Namespace, ObjectName};

/// Who a RoleBinding names.
///
/// Written `user:NAME`, `group:NAME` or `sa:NAMESPACE/NAME`. User and group names are whatever the
/// cluster's authenticator says, so any text without control characters is one.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A person, as the authenticator names them.
    User(String),
    /// A group, as the authenticator names it.
    Group(String),
    /// A service account and its namespace.
    ServiceAccount(Namespace, ObjectName),
}

/// Why a text is not a subject.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectError {
    /// No known kind before the colon.
    #[error("expected user:NAME, group:NAME or sa:NAMESPACE/NAME")]
    Malformed,
    /// Nothing after the colon, or characters that no name holds.
    #[error("the name is empty or holds control characters")]
    Name,
    /// A service account whose namespace or name is not a Kubernetes name.
    #[error(transparent)]
    ServiceAccount(#[from] NameError),
}

impl Subject {
    /// The group of all service accounts of a namespace.
    pub fn service_accounts_of(namespace: &Namespace) -> Self {
        Self::Group(format!("system:serviceaccounts:{namespace}"))
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let (kind, name) = text.split_once(':').ok_or(SubjectError::Malformed)?;
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(SubjectError::Name);
        }
        match kind {
            "user" => Ok(Self::User(name.to_owned())),
            "group" => Ok(Self::Group(name.to_owned())),
            "sa" => {
                let (namespace, name) = name.split_once('/').ok_or(SubjectError::Malformed)?;
                Ok(Self::ServiceAccount(namespace.parse()?, name.parse()?))
            }
            _ => Err(SubjectError::Malformed),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::ServiceAccount(namespace, name) => write!(f, "sa:{namespace}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for text in [
            "user:oidc-x",
            "group:projet:p",
            "sa:user-x/default",
            "user:Zoë O'Neil",
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "oidc-x",
            "user:",
            "user: ",
            "sa:default",
            "sa:User-x/default",
            "role:x",
            "user:a\nb",
        ] {
            assert!(text.parse::<Subject>().is_err(), "{text:?} was let in");
        }
    }
}
