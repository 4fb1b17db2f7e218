//! The rooms `kubeconfig` and `cluster` from outside, against API servers on loopback that punish
//! mistakes.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod access;
mod authority;
mod credentials;
mod errors;
mod fake;
mod kubectl;
mod objects;
mod port_forward;
mod proxies;
mod retries;
mod tls;

use std::sync::{Arc, Mutex};

use datalab_core::{
    cluster::Cluster,
    kubeconfig::{Connection, Overrides, RequestTimeout, resolve},
    words::Namespace,
    world::World,
};
use jiff::Timestamp;

use fake::{AGENT, Fake};

/// A connection to a fake, by nothing but `--server`.
fn connection(fake: &Fake) -> Connection {
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    let overrides = Overrides {
        server: Some(fake.url()),
        ..Overrides::default()
    };
    resolve(&overrides, &world).unwrap()
}

async fn cluster(fake: &Fake) -> Cluster {
    connect(connection(fake)).await
}

async fn connect(connection: Connection) -> Cluster {
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    Cluster::connect(connection, AGENT, &world).await.unwrap()
}

async fn impatient(fake: &Fake, timeout: &str) -> Cluster {
    let mut connection = connection(fake);
    connection.request_timeout = Some(timeout.parse::<RequestTimeout>().unwrap());
    connect(connection).await
}

fn me() -> Namespace {
    "user-me".parse().unwrap()
}

/// A trace that is kept.
fn kept() -> (datalab_core::cluster::Trace, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    (
        Arc::new(move |line: &str| sink.lock().unwrap().push(line.to_owned())),
        lines,
    )
}
