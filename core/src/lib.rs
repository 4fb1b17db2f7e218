//! What every kubectl-datalab plugin stands on.
//!
//! The rooms, from the ground up; a room knows those below it and no others (`core/README.md` has
//! the table, and a test reads it):
//!
//! - [`words`]: the domain's newtypes, parsed and printed.
//! - [`report`]: errors, exit codes and results, rendered.
//! - [`world`]: all that a program may touch outside itself.
//! - [`kubeconfig`]: kubectl's rules for finding a cluster and a user.
//! - [`cluster`]: the only room that speaks to Kubernetes.
//! - [`cli`]: arguments, output streams and exit codes, the same for every tool.

pub mod report;
pub mod words;
pub mod world;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "kubeconfig")]
pub mod kubeconfig;
