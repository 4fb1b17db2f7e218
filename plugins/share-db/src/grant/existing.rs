use datalab_core::{
    cluster::Object,
    cluster::api::api::{
        core::v1::Secret as SecretObject,
        networking::v1::NetworkPolicy,
        rbac::v1::{Role, RoleBinding},
    },
    report::{Failure, Kind},
    words::Secret,
};

use crate::{
    catalogue::Database,
    network,
    postgres::Converged,
    share::{self, Identity, Terms},
};

/// The objects of the share, as they should be.
pub(crate) struct Objects {
    pub(crate) secret: SecretObject,
    pub(crate) role: Role,
    pub(crate) binding: RoleBinding,
    pub(crate) policy: Option<NetworkPolicy>,
    pub(crate) base_policy: Option<NetworkPolicy>,
}

/// The objects of the share, as they are.
pub(crate) struct Existing {
    pub(crate) secret: Option<SecretObject>,
    pub(crate) role: Option<Role>,
    pub(crate) binding: Option<RoleBinding>,
    pub(crate) policy: Option<NetworkPolicy>,
    pub(crate) base_policy: Option<NetworkPolicy>,
}

impl Existing {
    /// Picks the share's own out of what was read.
    pub(super) fn of(
        secret: Option<SecretObject>,
        role: Option<Role>,
        policies: &[NetworkPolicy],
        bindings: &[RoleBinding],
        database: &Database,
        name: &str,
    ) -> Self {
        let policy_named = |name: &str| {
            policies
                .iter()
                .find(|policy| policy.metadata.name.as_deref() == Some(name))
                .cloned()
        };
        Self {
            binding: bindings
                .iter()
                .find(|binding| binding.metadata.name.as_deref() == Some(name))
                .cloned(),
            policy: policy_named(name),
            base_policy: policy_named(&network::base_name(&database.name)),
            secret,
            role,
        }
    }

    pub(super) fn refuse_foreign(&self) -> Result<(), Failure> {
        self.secret.as_ref().map_or(Ok(()), share::is_ours)?;
        self.role.as_ref().map_or(Ok(()), share::is_ours)?;
        self.binding.as_ref().map_or(Ok(()), share::is_ours)?;
        self.policy.as_ref().map_or(Ok(()), share::is_ours)?;
        self.base_policy.as_ref().map_or(Ok(()), share::is_ours)
    }

    /// Whether the binding lets somebody read the Secret whom `wanted` does not.
    pub(super) fn lets_in_others_than(&self, wanted: &RoleBinding) -> bool {
        let meant = |subject| {
            wanted
                .subjects
                .iter()
                .flatten()
                .any(|other| other == subject)
        };
        let existing = self.binding.iter().flat_map(|binding| &binding.subjects);
        existing.flatten().any(|subject| !meant(subject))
    }

    /// Whether Secret, binding and policies are still the ones that were read.
    pub(super) fn is_current(&self, now: &Self) -> bool {
        fn same<K: Object>(before: &Option<K>, now: &Option<K>) -> bool {
            let version = |object: &K| {
                let meta = object.meta();
                (meta.uid.clone(), meta.resource_version.clone())
            };
            before.as_ref().map(version) == now.as_ref().map(version)
        }
        same(&self.secret, &now.secret)
            && same(&self.binding, &now.binding)
            && same(&self.policy, &now.policy)
            && same(&self.base_policy, &now.base_policy)
    }

    pub(super) fn terms(&self) -> Option<Terms> {
        let annotations = self.secret.as_ref()?.metadata.annotations.as_ref()?;
        Terms::from_annotations(annotations).ok()
    }

    pub(super) fn password(&self) -> Option<Secret<String>> {
        share::password_in(self.secret.as_ref()?)
    }
}

pub(super) fn refuse_foreign_role(
    identity: &Identity,
    converged: &Converged,
) -> Result<(), Failure> {
    let foreign = converged
        .before
        .as_ref()
        .filter(|role| role.comment.as_deref() != Some(&identity.comment()));
    match foreign {
        None => Ok(()),
        Some(role) => Err(Failure::new(
            Kind::Conflict,
            format!(
                "role {:?} exists in the database and is not known to be ours; it is left as it is",
                identity.role_name()
            ),
        )
        .detail(match &role.comment {
            Some(comment) => format!(
                "its comment is {comment:?}, ours would be {:?}",
                identity.comment()
            ),
            None => format!("it has no comment, ours would be {:?}", identity.comment()),
        })
        .next(format!(
            "COMMENT ON ROLE {:?} IS '{}', if it is ours",
            identity.role_name(),
            identity.comment()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_grants_policy_makes_a_survey_stale() {
        let service = json!({
            "metadata": {"name": "db"},
            "spec": {"selector": {"app": "db"}, "ports": [{"port": 5432}]},
        });
        let namespace = "user-me".parse().unwrap();
        let database =
            Database::behind(&namespace, &serde_json::from_value(service).unwrap()).unwrap();
        let existing = |policies: &[(&str, &str)]| {
            let policies: Vec<NetworkPolicy> = policies
                .iter()
                .map(|(name, version)| {
                    let meta = json!({"name": name, "uid": name, "resourceVersion": version});
                    serde_json::from_value(json!({"metadata": meta})).unwrap()
                })
                .collect();
            Existing::of(None, None, &policies, &[], &database, "share-db-user-x")
        };
        let base = network::base_name("db");
        let before = existing(&[(&base, "1")]);
        assert!(before.is_current(&existing(&[(&base, "1"), ("other", "9")])));
        assert!(!before.is_current(&existing(&[(&base, "2")])));
        assert!(!before.is_current(&existing(&[])));
        assert!(!existing(&[]).is_current(&before), "a new share's too");
        let own = ("share-db-user-x", "1");
        assert!(!before.is_current(&existing(&[(&base, "1"), own])));
    }
}
