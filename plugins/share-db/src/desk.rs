use std::sync::Arc;

use datalab_core::{
    cli::{ConnectionArgs, DisplayName},
    cluster::Cluster,
    kubeconfig,
    report::Failure,
    words::Namespace,
    world::World,
};

/// How this program names itself to servers: audit logs are read by people.
const AGENT: &str = concat!("kubectl-datalab-share-db/", env!("CARGO_PKG_VERSION"));

/// What every use case works at: the world, the cluster, and the command's own name for hints.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    pub(crate) world: &'a World,
    pub(crate) cluster: Cluster,
    pub(crate) name: &'a DisplayName,
}

impl<'a> Desk<'a> {
    /// Sits down at the cluster that the connection flags name. Nothing is asked of it yet.
    pub(crate) async fn at(
        world: &'a World,
        connection: &ConnectionArgs,
        name: &'a DisplayName,
    ) -> Result<Self, Failure> {
        let resolved = kubeconfig::resolve(&connection.overrides(), world)?;
        let mut cluster = Cluster::connect(resolved, AGENT, world).await?;
        if connection.shows_requests() {
            let streams = Arc::clone(world.streams());
            cluster = cluster.with_trace(Arc::new(move |line: &str| streams.talk(line)));
        }
        Ok(Self {
            world,
            cluster,
            name,
        })
    }

    /// The namespace to work in.
    pub(crate) fn namespace(&self) -> &Namespace {
        self.cluster.namespace()
    }

    /// A line of talk, on standard error.
    pub(crate) fn note(&self, line: &str) {
        self.world
            .streams()
            .talk(&datalab_core::report::printable(line));
    }
}
