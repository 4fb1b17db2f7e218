use datalab_core::{
    cli::DryRun,
    cluster::api::api::networking::v1::NetworkPolicy,
    report::{Failure, Kind},
    words::Namespace,
};

use super::{existing::Existing, request::GrantRequest, survey::Survey};
use crate::{
    catalogue::{Database, Engine, Primary},
    desk::Desk,
    network::{self, Exposure},
};

/// Who reaches the database over the network, but for its shares.
#[derive(PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) exposure: Exposure,
    /// Policies of the database's own release that select none of its pods.
    pub(crate) idle_policies: Vec<String>,
    /// Whose operator a base policy lets in, where an operator runs the database.
    pub(crate) operator: Option<Namespace>,
    /// An operator runs the database, and no policy lets it reach the port by which it does.
    pub(crate) shuts_operator_out: bool,
}

impl Network {
    pub(super) fn of(
        database: &Database,
        primary: &Primary,
        policies: &[NetworkPolicy],
        operator: Option<Namespace>,
    ) -> Self {
        let policies = network::without_shares(policies);
        let labels = primary.pod.metadata.labels.clone().unwrap_or_default();
        let exposure = network::exposure(&policies, &labels, &database.pod_port());
        Self {
            shuts_operator_out: database.engine == Engine::CloudNativePg
                && matches!(exposure, Exposure::Isolated { .. })
                && !network::admits_operator(
                    &policies,
                    &labels,
                    &database.namespace,
                    operator.as_ref(),
                ),
            idle_policies: network::idle_policies(&policies, database, &labels),
            exposure,
            operator,
        }
    }

    /// Whether `--isolate` has something to do: nobody is kept out yet, or the operator is.
    pub(super) fn wants_base_policy(&self) -> bool {
        self.exposure.is_open() || self.shuts_operator_out
    }
}

/// The namespace of the operator that a base policy has to let in: the one that is named, or the one
/// that the base policy was made for, or else that of the environment, which must not change a policy
/// that is there. It is never guessed: a wrong one cuts the operator off.
///
/// # Errors
/// There has to be a base policy, and nobody says which operator it is for.
pub(super) fn operator(
    request: &GrantRequest,
    database: &Database,
    existing: &Existing,
) -> Result<Option<Namespace>, Failure> {
    if database.engine != Engine::CloudNativePg {
        return Ok(None);
    }
    let base = existing.base_policy.as_ref();
    let known = request
        .operator_namespace
        .clone()
        .or_else(|| network::operator_namespace(base?))
        .or_else(|| request.operator_by_environment.clone());
    if known.is_some() || !request.isolate && base.is_none() {
        return Ok(known);
    }
    Err(Failure::new(
        Kind::Usage,
        format!(
            "database {} is run by the operator CloudNativePG, which --isolate would shut out without --operator-namespace",
            database.name
        ),
    )
    .detail("an operator that does not reach its pods makes no other the primary when one fails")
    .detail("where it runs cannot be seen with your rights; whoever runs the cluster sees it: kubectl get pods -A -l app.kubernetes.io/name=cloudnative-pg")
    .next("the same command with --operator-namespace NAMESPACE"))
}

impl Survey {
    /// Whether the database's own policy is made: it closes what was open to the whole cluster, or
    /// lets the operator in.
    fn isolates(&self) -> bool {
        self.wanted.base_policy.is_some() && self.existing.base_policy.is_none()
    }

    /// What differs from the network as it was.
    pub(super) fn network_change(&self) -> Option<String> {
        if self.isolates() {
            return Some(match self.network.shuts_operator_out {
                true => "network: the operator is let in".to_owned(),
                false => "network: open -> isolated".to_owned(),
            });
        }
        let before = network::operator_namespace(self.existing.base_policy.as_ref()?);
        let shown = |namespace: Option<&Namespace>| {
            namespace.map_or_else(|| "none".to_owned(), Namespace::to_string)
        };
        let after = self.network.operator.as_ref();
        (before.as_ref() != after).then(|| {
            format!(
                "operator let in: that of namespace {} -> {}",
                shown(before.as_ref()),
                shown(after)
            )
        })
    }

    /// Asks for a person's word where a grant does more than share.
    pub(crate) fn confirm(&self, desk: &Desk<'_>, request: &GrantRequest) -> Result<(), Failure> {
        if !self.isolates() {
            return Ok(());
        }
        let (database, namespace) = (&self.database.name, &self.identity.namespace);
        if let Exposure::OpenedBy { policies } = &self.network.exposure {
            let failure = Failure::new(
                Kind::Usage,
                format!(
                    "--isolate cannot close database {database}: policies only ever allow, and {} lets every pod of the cluster in",
                    policies.join(", ")
                ),
            );
            return Err(policies.iter().fold(failure, |failure, policy| {
                failure.next(format!(
                    "kubectl get networkpolicy {policy} -n {namespace} -o yaml"
                ))
            }));
        }
        let operator = match &self.network.operator {
            Some(operator) => {
                format!(", the operator in namespace {operator} (ports 8000 and the database's)")
            }
            None => String::new(),
        };
        let today = match self.network.exposure.is_open() {
            true => "every pod of the cluster does",
            false => "its operator does not",
        };
        desk.note(&format!(
            "--isolate: NetworkPolicy {} will let only pods of namespace {namespace} reach {database} (every port){operator}, and shares the database's port. Today {today}.",
            network::base_name(database),
        ));
        if request.dry_run == DryRun::None {
            request.confirm.ask(desk.world, "Isolate the database?")?;
        }
        Ok(())
    }
}
