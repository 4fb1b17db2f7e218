//! kubectl's rules for finding a cluster and a user, without a Kubernetes client.
//!
//! - [`Overrides`]: what the command line says; [`RequestTimeout`] is one of its words.
//! - [`resolve`]: command line + kubeconfig files, else a pod's service account, to one
//!   [`Connection`]; [`is_in_a_pod`] and [`pod_namespace`] ask for the pod alone.
//! - [`Connection`]: a plain struct that a client is built from.
//! - [`Edit`]: entries to be written the way kubectl writes them, first as a [`Plan`].
//!
//! The rules are those of client-go's `clientcmd` and of
//! <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>. Three
//! things differ on purpose: without any configuration there is no silent `localhost:8080`; the
//! removed `auth-provider` plugins are refused with the way out; and `--token` wins over a user's
//! `tokenFile`, which kubectl goes on using.

mod connection;
mod edit;
mod error;
mod file;
mod in_cluster;
mod overrides;
mod resolve;
mod timeout;
mod user;

pub use connection::{
    ClientCertificate, Connection, Credential, ExecCluster, ExecSpec, ExecVersion, Impersonation,
    InteractiveMode, Trust,
};
pub use edit::{
    Change, CurrentContext, Edit, EditError, Effect, EntryKind, ExecEntry, Plan, Step,
    loses_its_path,
};
pub use error::Error;
pub use in_cluster::{is_in_a_pod, pod_namespace};
pub use overrides::Overrides;
pub use resolve::resolve;
pub use timeout::{RequestTimeout, RequestTimeoutError};
