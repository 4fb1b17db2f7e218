use std::collections::BTreeMap;

use datalab_core::{
    cluster::{
        Object,
        api::{
            ByteString,
            api::{
                core::v1::Secret,
                rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject as RbacSubject},
            },
            apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
        },
    },
    report::{Failure, Kind},
    words::{Secret as Hidden, Subject},
};
use serde_json::Value;

use super::{Identity, Terms, identity::is_managed};

const RBAC: &str = "rbac.authorization.k8s.io";

/// The key of the certificate authority in the share's Secret.
pub(crate) const CA_KEY: &str = "ca.crt";

/// What keeps the database, and with it the share: deleting the service deletes its shares.
pub(crate) type Keeper = OwnerReference;

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: i32,
    /// The authority of the server's certificate, PEM, where one is known.
    pub(crate) ca: Option<String>,
}

/// The metadata of one of the share's objects.
pub(crate) fn ours(identity: &Identity, keeper: &Keeper) -> ObjectMeta {
    ObjectMeta {
        name: Some(identity.object_name()),
        namespace: Some(identity.namespace.to_string()),
        labels: Some(identity.labels()),
        owner_references: Some(vec![keeper.clone()]),
        ..ObjectMeta::default()
    }
}

/// The Secret: all that a client needs to log in.
pub(crate) fn secret(
    identity: &Identity,
    keeper: &Keeper,
    terms: &Terms,
    address: &Address,
    password: &Hidden<String>,
) -> Secret {
    let role = identity.role_name();
    let mut data: BTreeMap<String, ByteString> = [
        ("host", address.host.as_str()),
        ("port", &address.port.to_string()),
        ("database", &terms.database),
        ("username", &role),
        ("password", password.expose()),
        ("expires", &terms.expiry.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())))
    .collect();
    if let Some(ca) = &address.ca {
        data.insert(CA_KEY.to_owned(), ByteString(ca.as_bytes().to_vec()));
    }
    Secret {
        metadata: ObjectMeta {
            annotations: Some(terms.annotations(&role)),
            ..ours(identity, keeper)
        },
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

/// The password in a share's Secret; none where it was taken out.
pub(crate) fn password_in(secret: &Secret) -> Option<Hidden<String>> {
    let value = secret.data.as_ref()?.get("password")?;
    String::from_utf8(value.0.clone())
        .ok()
        .filter(|password| !password.is_empty())
        .map(Hidden::new)
}

/// The Role: read that one Secret, nothing else.
pub(crate) fn role(identity: &Identity, keeper: &Keeper) -> Role {
    Role {
        metadata: ours(identity, keeper),
        rules: Some(vec![PolicyRule {
            api_groups: Some(vec![String::new()]),
            resources: Some(vec!["secrets".to_owned()]),
            resource_names: Some(vec![identity.object_name()]),
            verbs: vec!["get".to_owned()],
            ..PolicyRule::default()
        }]),
    }
}

/// The RoleBinding, which publishes the share.
pub(crate) fn binding(identity: &Identity, keeper: &Keeper, subjects: &[Subject]) -> RoleBinding {
    RoleBinding {
        metadata: ours(identity, keeper),
        role_ref: RoleRef {
            api_group: RBAC.to_owned(),
            kind: "Role".to_owned(),
            name: identity.object_name(),
        },
        subjects: Some(subjects.iter().map(in_rbac).collect()),
    }
}

fn in_rbac(subject: &Subject) -> RbacSubject {
    let named = |kind: &str, name: &str| RbacSubject {
        api_group: Some(RBAC.to_owned()),
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: None,
    };
    match subject {
        Subject::User(name) => named("User", name),
        Subject::Group(name) => named("Group", name),
        Subject::ServiceAccount(namespace, name) => RbacSubject {
            api_group: None,
            kind: "ServiceAccount".to_owned(),
            name: name.to_string(),
            namespace: Some(namespace.to_string()),
        },
    }
}

/// Refuses an object that somebody else made under the name we would use.
///
/// # Errors
/// The object lacks our labels.
pub(crate) fn is_ours<K: Object>(existing: &K) -> Result<(), Failure> {
    let meta = existing.meta();
    if is_managed(meta.labels.as_ref()) {
        return Ok(());
    }
    let name = meta.name.as_deref().unwrap_or_default();
    let kind = K::kind(&()).to_lowercase();
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    Err(Failure::new(
        Kind::Conflict,
        format!("{kind} {name} exists and was not made by kubectl-datalab; it is left as it is"),
    )
    .state("nothing was changed")
    .next(format!("kubectl get {kind} {name} -n {namespace} -o yaml")))
}

/// Whether an object already says everything that is wanted: what the server added, or others own,
/// does not count; lists count whole. An authority that is no longer wanted does count: clients
/// would refuse the server by it.
pub(crate) fn covers<K: Object>(existing: &K, wanted: &K) -> bool {
    match (serde_json::to_value(existing), serde_json::to_value(wanted)) {
        (Ok(existing), Ok(wanted)) => {
            covers_value(&existing, &wanted)
                && (!has_authority(&existing) || has_authority(&wanted))
        }
        _ => false,
    }
}

fn has_authority(object: &Value) -> bool {
    object
        .get("data")
        .is_some_and(|data| data.get(CA_KEY).is_some())
}

fn covers_value(existing: &Value, wanted: &Value) -> bool {
    match (existing, wanted) {
        (Value::Object(existing), Value::Object(wanted)) => wanted.iter().all(|(key, value)| {
            existing
                .get(key)
                .is_some_and(|found| covers_value(found, value))
        }),
        (Value::Array(existing), Value::Array(wanted)) => existing == wanted,
        (existing, wanted) => existing == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_authority_that_is_no_longer_wanted_is_not_covered() {
        let with = |keys: &[&str]| Secret {
            data: Some(
                keys.iter()
                    .map(|&key| (key.to_owned(), ByteString(b"x".to_vec())))
                    .collect(),
            ),
            ..Secret::default()
        };
        let (old, new) = (with(&["host", CA_KEY]), with(&["host"]));
        assert!(!covers(&old, &new) && !covers(&new, &old));
        assert!(covers(&old, &old) && covers(&new, &new));
        assert!(covers(&with(&["host", "other"]), &new));
    }

    #[test]
    fn covering() {
        let wanted = json!({"rules": [{"verbs": ["get"]}], "metadata": {"labels": {"a": "b"}}});
        let with_additions = json!({"rules": [{"verbs": ["get"]}], "metadata": {"labels": {"a": "b", "c": "d"}, "uid": "1"}});
        assert!(covers_value(&with_additions, &wanted));
        for less in [
            json!({"rules": [{"verbs": ["get", "list"]}], "metadata": {"labels": {"a": "b"}}}),
            json!({"rules": [{"verbs": ["get"]}, {}], "metadata": {"labels": {"a": "b"}}}),
            json!({"rules": [{"verbs": ["get"]}], "metadata": {"labels": {"a": "x"}}}),
            json!({"metadata": {"labels": {"a": "b"}}}),
        ] {
            assert!(!covers_value(&less, &wanted), "{less}");
        }
    }
}
