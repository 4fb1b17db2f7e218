//! kubectl's rules for finding a cluster and a user, without a Kubernetes client.
//!
//! - [`Overrides`]: what the command line says; [`RequestTimeout`] is one of its words.
//! - [`resolve`]: command line + kubeconfig files, else a pod's service account, to one
//!   [`Connection`].
//! - [`Connection`]: a plain struct that a client is built from.
//!
//! The rules are those of client-go's `clientcmd` and of
//! <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>. Two
//! things differ on purpose: without any configuration there is no silent `localhost:8080`, and the
//! removed `auth-provider` plugins are refused with the way out.

mod connection;
mod endpoint;
mod error;
mod file;
mod in_cluster;
mod overrides;
mod proxy;
mod resolve;
mod timeout;

pub use connection::{ClientCertificate, Connection, Credential, ExecCluster, ExecSpec, ExecVersion, Impersonation, InteractiveMode, Trust};
pub use error::Error;
pub use overrides::Overrides;
pub use resolve::resolve;
pub use timeout::{RequestTimeout, RequestTimeoutError};
