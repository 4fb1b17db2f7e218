use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use datalab_core::words::Namespace;
use sha2::{Digest, Sha256};

/// Who made an object; the same on everything this suite owns.
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kubectl-datalab");
/// What an object is for.
const PURPOSE: (&str, &str) = ("datalab/purpose", "share-db");
/// Which database an object is about.
pub(crate) const DATABASE_LABEL: &str = "datalab/database";
/// Which namespace an object is for.
pub(crate) const GRANTEE_LABEL: &str = "datalab/grantee";
/// All objects of all shares, as a label selector.
pub(crate) const BY_PURPOSE: &str =
    "app.kubernetes.io/managed-by=kubectl-datalab,datalab/purpose=share-db";

/// How the comments of all logins of shares begin.
pub(crate) const COMMENT_BEGINNING: &str = "kubectl-datalab share-db: ";

/// The length of an id in bytes: 48 bits tell the shares of one server apart.
const ID_BYTES: usize = 6;

/// The longest name of a role in bytes; PostgreSQL cuts a longer one off (`NAMEDATALEN` - 1).
const ROLE_MAX: usize = 63;

/// Which share: every name of it follows from these three.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    /// The owner's namespace.
    pub(crate) namespace: Namespace,
    /// The database, by the name of the chart's objects.
    pub(crate) database: String,
    /// The namespace it is shared with.
    pub(crate) grantee: Namespace,
}

impl Identity {
    /// Twelve hexadecimal digits, from all three parts.
    pub(crate) fn id(&self) -> String {
        let parts = format!("{}/{}/{}", self.namespace, self.database, self.grantee);
        HEXLOWER.encode(&Sha256::digest(parts)[..ID_BYTES])
    }

    /// The name of the Secret, the Role, the RoleBinding and the NetworkPolicy.
    pub(crate) fn object_name(&self) -> String {
        format!("share-{}-{}-{}", self.database, self.grantee, self.id())
    }

    /// The name of the login.
    pub(crate) fn role_name(&self) -> String {
        let id = self.id();
        let room = ROLE_MAX - "share__".len() - id.len();
        let grantee: String = self.grantee.as_str().chars().take(room).collect();
        format!("share_{grantee}_{id}")
    }

    /// The comment of the login, by which it is known as ours.
    pub(crate) fn comment(&self) -> String {
        format!("{}{} id {}", self.comment_prefix(), self.grantee, self.id())
    }

    /// The grantee in the end of such a comment, behind its beginning.
    pub(crate) fn grantee_in(end_of_comment: &str) -> Option<Namespace> {
        end_of_comment.split(' ').next()?.parse().ok()
    }

    /// The beginning of the comments of all logins for shares of this database.
    pub(crate) fn comment_prefix(&self) -> String {
        format!(
            "{COMMENT_BEGINNING}{}/{} with ",
            self.namespace, self.database
        )
    }

    /// The labels of the share's objects.
    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let mut labels = base_labels(&self.database);
        labels.insert(GRANTEE_LABEL.to_owned(), self.grantee.to_string());
        labels
    }
}

/// The labels of objects that belong to a database as a whole.
pub(crate) fn base_labels(database: &str) -> BTreeMap<String, String> {
    [MANAGED_BY, PURPOSE, (DATABASE_LABEL, database)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Whether labels say that an object was made by this suite.
pub(crate) fn is_managed(labels: Option<&BTreeMap<String, String>>) -> bool {
    let has = |(key, value): (&str, &str)| {
        labels
            .and_then(|labels| labels.get(key))
            .is_some_and(|found| found == value)
    };
    has(MANAGED_BY) && has(PURPOSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(database: &str, grantee: &str) -> Identity {
        Identity {
            namespace: "user-me".parse().unwrap(),
            database: database.into(),
            grantee: grantee.parse().unwrap(),
        }
    }

    #[test]
    fn names_are_stable() {
        let identity = identity("postgresql-951239", "user-x");
        assert_eq!(
            identity.object_name(),
            format!("share-postgresql-951239-user-x-{}", identity.id())
        );
        assert_eq!(identity.id(), "e6a453a7cf96");
        assert_eq!(identity.role_name(), "share_user-x_e6a453a7cf96");
    }

    #[test]
    fn names_that_read_alike_are_not_alike() {
        assert_ne!(
            identity("a-b", "c").object_name(),
            identity("a", "b-c").object_name()
        );
    }

    #[test]
    fn the_longest_names_fit() {
        let identity = identity(&"d".repeat(63), &"g".repeat(63));
        assert_eq!(identity.role_name().len(), 63);
        assert!(identity.object_name().len() <= 253);
    }
}
