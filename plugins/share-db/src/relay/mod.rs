//! The ways to a database's port from where `connect` runs.
//!
//! - [`Carrier::Direct`]: a socket, from a pod of the cluster.
//! - [`Carrier::Pod`]: a program in a running pod of the grantee's own, by exec.
//! - [`Carrier::Relay`]: a pod made for it, by port-forward.
//!
//! Whichever it is, each connection has a stream of its own, so the end of one, even by a reset,
//! is nobody else's.

mod job;
mod own_pod;
mod relay_pod;

pub(crate) use job::DEFAULT_IMAGE;
pub(crate) use own_pod::{OwnPod, own_pods};
pub(crate) use relay_pod::{Planned, RelayPod, remove};

use std::time::Duration;

use datalab_core::{
    cluster,
    words::Namespace,
    world::{DialError, World},
};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long the database's port may take to answer, from inside the cluster.
pub(crate) const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// A byte stream to the database.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The database's Service, as pods know it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What takes a connection to the database.
#[derive(Debug)]
pub(crate) enum Carrier {
    Direct,
    Pod(OwnPod),
    Relay(RelayPod),
}

/// A connection that could not be begun.
#[derive(Debug, Error)]
pub(crate) enum CarryError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
}

impl Carrier {
    /// A stream to the database. Whether anything answers at its end shows only when it is read,
    /// unless the way is direct.
    pub(crate) async fn open(
        &self,
        world: &World,
        address: &Address,
    ) -> Result<Box<dyn Stream>, CarryError> {
        Ok(match self {
            Self::Direct => Box::new(
                world
                    .dial(&address.host, address.port, REACH_TIMEOUT)
                    .await?,
            ),
            Self::Pod(pod) => Box::new(pod.open(address).await?),
            Self::Relay(relay) => Box::new(relay.open().await?),
        })
    }

    /// Whether it can be expected to take another connection.
    pub(crate) async fn is_alive(&self) -> bool {
        match self {
            Self::Direct => true,
            Self::Pod(pod) => pod.is_alive().await,
            Self::Relay(relay) => relay.is_alive(),
        }
    }

    /// For a person: "pod jupyter-0 of user-x".
    pub(crate) fn name(&self, namespace: &Namespace) -> String {
        match self {
            Self::Direct => "the cluster's network".to_owned(),
            Self::Pod(pod) => format!("pod {} of {namespace}", pod.name()),
            Self::Relay(relay) => format!("relay pod {} of {namespace}", relay.pod()),
        }
    }
}
