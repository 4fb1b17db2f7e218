use datalab_core::{
    cluster::ObjectMeta,
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

    /// Whether Secret and binding are still the ones that were read.
    pub(super) fn is_current(
        &self,
        secret: Option<&SecretObject>,
        binding: Option<&RoleBinding>,
    ) -> bool {
        let version = |meta: &ObjectMeta| (meta.uid.clone(), meta.resource_version.clone());
        let of_secret = |secret: &SecretObject| version(&secret.metadata);
        let of_binding = |binding: &RoleBinding| version(&binding.metadata);
        self.secret.as_ref().map(of_secret) == secret.map(of_secret)
            && self.binding.as_ref().map(of_binding) == binding.map(of_binding)
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
