use std::collections::BTreeMap;

use datalab_core::{
    cluster::{
        self, Cluster,
        api::{
            api::{
                core::v1::Secret,
                networking::v1::NetworkPolicy,
                rbac::v1::{Role, RoleBinding},
            },
            apimachinery::pkg::apis::meta::v1::ObjectMeta,
        },
    },
    report::{Failure, Kind},
    words::Namespace,
};

use super::{BY_PURPOSE, DATABASE_LABEL, GRANTEE_LABEL, Identity, Keeper, Terms, is_ours};
use crate::catalogue::{self, Database, Wanted};

/// What the cluster knows of one share; a share that was cut short has some of it only.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) identity: Identity,
    /// The Secret's metadata: its data is not read to list shares.
    pub(crate) secret: Option<ObjectMeta>,
    pub(crate) role: Option<Role>,
    pub(crate) binding: Option<RoleBinding>,
    pub(crate) policy: Option<NetworkPolicy>,
}

/// All shares of a namespace.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) records: Vec<Record>,
    /// All policies of the namespace, whoever made them.
    pub(crate) policies: Vec<NetworkPolicy>,
}

impl Record {
    pub(crate) fn of(identity: Identity) -> Self {
        Self {
            identity,
            secret: None,
            role: None,
            binding: None,
            policy: None,
        }
    }

    /// What keeps the database, by any of the share's objects.
    pub(crate) fn keeper(&self) -> Option<&Keeper> {
        let metas = [
            self.secret.as_ref(),
            self.role.as_ref().map(|role| &role.metadata),
            self.binding.as_ref().map(|binding| &binding.metadata),
            self.policy.as_ref().map(|policy| &policy.metadata),
        ];
        metas
            .into_iter()
            .flatten()
            .find_map(|meta| meta.owner_references.as_ref()?.first())
    }

    /// The terms on the Secret; `None` where there is no Secret, or somebody edited them away.
    pub(crate) fn terms(&self) -> Option<Terms> {
        Terms::from_annotations(self.secret.as_ref()?.annotations.as_ref()?).ok()
    }
}

impl Records {
    /// Reads them, in four requests whatever their number.
    pub(crate) async fn read(
        cluster: &Cluster,
        namespace: &Namespace,
    ) -> Result<Self, cluster::Error> {
        let (secrets, roles, bindings, policies) = futures::try_join!(
            cluster.list_metadata::<Secret>(namespace, BY_PURPOSE),
            cluster.list::<Role>(namespace, BY_PURPOSE),
            cluster.list::<RoleBinding>(namespace, BY_PURPOSE),
            cluster.list::<NetworkPolicy>(namespace, ""),
        )?;
        let mut found: BTreeMap<Identity, Record> = BTreeMap::new();
        let mut at = |meta: &ObjectMeta, put: &mut dyn FnMut(&mut Record)| {
            if let Some(identity) = identity(namespace, meta) {
                put(found
                    .entry(identity.clone())
                    .or_insert_with(|| Record::of(identity)));
            }
        };
        for secret in &secrets {
            at(secret, &mut |record| record.secret = Some(secret.clone()));
        }
        for role in &roles {
            at(&role.metadata, &mut |record| {
                record.role = Some(role.clone());
            });
        }
        for binding in &bindings {
            at(&binding.metadata, &mut |record| {
                record.binding = Some(binding.clone());
            });
        }
        for policy in policies.iter().filter(|policy| is_ours(*policy).is_ok()) {
            at(&policy.metadata, &mut |record| {
                record.policy = Some(policy.clone());
            });
        }
        Ok(Self {
            records: found.into_values().collect(),
            policies,
        })
    }
}

impl Records {
    /// The database that is meant; one that is gone is known by its shares.
    ///
    /// # Errors
    /// None, or more than one, fits.
    pub(crate) async fn database(
        &self,
        cluster: &Cluster,
        namespace: &Namespace,
        wanted: &Wanted,
        databases: &[Database],
    ) -> Result<String, Failure> {
        let failure = match catalogue::choose(cluster, namespace, wanted, databases.to_vec()).await
        {
            Ok(database) => return Ok(database.name),
            Err(failure) if failure.kind() == Kind::NotFound => failure,
            Err(failure) => return Err(failure),
        };
        let mut known: Vec<&String> = self
            .records
            .iter()
            .map(|record| &record.identity.database)
            .filter(|database| match &wanted.name {
                Some(name) => *database == name,
                // Without a name, only a namespace whose one shared database is gone is clear.
                None => databases.is_empty(),
            })
            .collect();
        known.dedup();
        match known.as_slice() {
            [one] => Ok((*one).clone()),
            _ => Err(failure),
        }
    }
}

/// The share that an object belongs to, if its labels and its name agree on one.
fn identity(namespace: &Namespace, meta: &ObjectMeta) -> Option<Identity> {
    let labels = meta.labels.as_ref()?;
    let identity = Identity {
        namespace: namespace.clone(),
        database: labels.get(DATABASE_LABEL)?.clone(),
        grantee: labels.get(GRANTEE_LABEL)?.parse().ok()?,
    };
    (meta.name.as_deref() == Some(&identity.object_name())).then_some(identity)
}
