//! NetworkPolicy of the lab's single node: what a network plugin with a policy engine does on a
//! real cluster.
//!
//! [`enforce`] watches Namespaces, Pods and NetworkPolicies, and after each change puts one nftables
//! table in place of the one before. On the way there
//!
//! - [`model`] is the cluster as policies see it, taken from the API's objects;
//! - [`mod@compile`] turns selectors and named ports into the addresses and numbers each isolated
//!   pod may talk to;
//! - [`nft`] writes these flows as rules, and hands them to the kernel.
//!
//! The semantics are those of `networking.k8s.io/v1` as
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/> tells them, with what
//! that page leaves to the plugin decided so:
//!
//! - A refused connection is answered with a TCP reset or "port unreachable", so clients fail fast.
//! - A connection that is no longer allowed is reset at its next packet.
//! - `ipBlock` sees the addresses of pods, behind a Service as well.
//! - Connections from the node to its pods always pass, so probes and port-forwards do. Those from
//!   an isolated pod to the node are judged: the API server is there, and no pod.
//! - A pod is unprotected for the moment between its start and the API knowing its address.

pub mod compile;
mod engine;
pub mod model;
pub mod nft;
#[cfg(test)]
mod tests;

pub use engine::{Error, enforce};
