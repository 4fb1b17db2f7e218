//! Who reaches the database over the network.
//!
//! NetworkPolicies only ever allow, and the first one that selects a pod closes everything it does
//! not allow. So before one is added it must be known whether the pod is isolated already
//! ([`exposure`]); adding the first policy to an open database would cut everybody else off.

mod exposure;
mod operator;
mod policy;

pub(crate) use exposure::{Exposure, admits_operator, exposure, idle_policies, without_shares};
pub(crate) use operator::operator_namespace;
pub(crate) use policy::{base_name, base_policy, grantee_policy};
