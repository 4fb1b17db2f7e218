//! The only room that speaks to Kubernetes.
//!
//! - [`Cluster`]: a connection to one API server as one user; typed reads and writes, each error
//!   naming what was tried.
//! - [`Access`], [`Identity`], [`Verdict`]: what may be done, asked before it is done.
//! - [`PodStream`]: a byte stream to a port of a pod, or to a program in one.
//! - [`api`]: the types of the API.
//!
//! Where the kube crate differs from kubectl, it is made to agree here, once: a credential plugin
//! runs once, and once more after a 401; proxies come from [`kubeconfig`](crate::kubeconfig); every
//! request has a time limit, a bounded number of repetitions and a user agent.

mod access;
mod answer;
mod client;
mod credential;
mod error;
mod exchange;
mod exec;
mod object;
mod pod_stream;
mod pod_upgrade;
mod port_forward;
mod port_forwards;
mod rules;
mod transport;

pub use k8s_openapi as api;
pub use kube::api::ObjectMeta;

pub use access::{Access, Identity, Verdict};
pub use client::{Cluster, Trace};
pub use error::{Attempt, Error};
pub use object::{Creation, Object, WriteMode};
pub use pod_stream::{PodStream, ProgramError};
