//! What every kubectl-datalab plugin stands on.
//!
//! The rooms, from the ground up; a room knows those below it and no others (`core/README.md` has
//! the table, and a test reads it):
//!
//! - [`words`]: the domain's newtypes, parsed and printed.
//! - [`report`]: errors, exit codes and results, rendered.
//! - [`world`]: all that a program may touch outside itself.
//! - [`ready`]: answers that are written out before the rest of a program exists.
//! - [`kubeconfig`]: kubectl's rules for finding a cluster and a user.
//! - [`cluster`]: the only room that speaks to Kubernetes.
//! - [`http`]: the suite's HTTP client.
//! - [`store`]: files that must not tear, and secrets in them.
//! - [`oidc`]: an identity provider, and sessions with it.
//! - [`onyxia`]: the platform's public configuration.
//! - [`login`]: whoever logs in at a terminal.
//! - [`cli`]: arguments, output streams and exit codes, the same for every tool.

pub mod ready;
pub mod report;
pub mod words;
pub mod world;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "kubeconfig")]
pub mod kubeconfig;
#[cfg(feature = "login")]
pub mod login;
#[cfg(feature = "oidc")]
pub mod oidc;
#[cfg(feature = "onyxia")]
pub mod onyxia;
#[cfg(feature = "store")]
pub mod store;
