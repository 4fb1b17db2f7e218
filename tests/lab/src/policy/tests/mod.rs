//! The rule set is judged three ways: by the examples of the Kubernetes documentation, by a second
//! and plainer reading of the semantics on random clusters, and by the kernel.

mod cluster;
mod examples;
mod interpreter;
mod kernel;
mod random;
mod semantics;

use std::net::IpAddr;

use super::compile::compile;
use super::model::{Cluster, Protocol};
use super::nft::render;

/// The start of a connection.
#[derive(Debug, Clone, Copy)]
struct Connection {
    client: IpAddr,
    server: IpAddr,
    protocol: Protocol,
    port: u16,
}

/// The rule set of a cluster, asked about connections.
struct Rules {
    cluster: Cluster,
    text: String,
}

impl Rules {
    fn of(cluster: Cluster) -> Self {
        let text = render(&compile(&cluster));
        Self { cluster, text }
    }

    /// The verdict, on which the rules, for the first and for later packets, and the semantics agree.
    fn allow(&self, connection: Connection) -> bool {
        let ruled = interpreter::forwards(&self.text, connection);
        let kept = interpreter::keeps(&self.text, connection);
        let meant = semantics::allow(&self.cluster, connection);
        assert_eq!(
            (ruled, kept),
            (meant, meant),
            "rules (left) and semantics (right) differ for {connection:?} in\n{}\nof {:#?}",
            self.text,
            self.cluster
        );
        ruled
    }
}
