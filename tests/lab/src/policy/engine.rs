use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, Config};
use tokio::time::{Instant, timeout_at};

use super::compile::{Isolation, compile};
use super::model::{Cluster, PolicyError};
use super::nft::{self, ApplyError};

/// How long further changes are collected once one came, so that a burst (a Deployment's pods, a
/// namespace's end) is one transaction. Short against the seconds a policy may take elsewhere.
const SETTLE: Duration = Duration::from_millis(20);

/// Enforcement ended; the rules that were in place stay.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// No client can be made from the kubeconfig.
    #[error("could not make a client of the API server")]
    Client(#[source] Box<kube::Error>),
    /// The rules were not taken.
    #[error("could not enforce network policies")]
    Apply(#[from] ApplyError),
}

/// Enforces the NetworkPolicies of a cluster in this network namespace, until the future is dropped.
///
/// One line on stderr tells each change of the rules, and each time the API server was lost: the
/// rules then stay as they are, and everything is listed again once it answers.
///
/// # Errors
/// The kubeconfig is unusable, or nftables does not take the rules.
pub async fn enforce(kubeconfig: &Path) -> Result<(), Error> {
    let client = client(kubeconfig).await?;
    let (namespaces, namespace_changes) = mirror::<Namespace>(&client, Kind::Namespace);
    let (pods, pod_changes) = mirror::<Pod>(&client, Kind::Pod);
    let (policies, policy_changes) = mirror::<NetworkPolicy>(&client, Kind::NetworkPolicy);
    let mut changes = stream::select_all([namespace_changes, pod_changes, policy_changes]);

    let mut listed = BTreeSet::new();
    let mut enforced = String::new();
    let mut misunderstood = String::new();
    while let Some(change) = changes.next().await {
        let mut change = Some(change);
        let settled = Instant::now() + SETTLE;
        while let Some(news) = change {
            match news {
                News::Listed(kind) => drop(listed.insert(kind)),
                News::Changed => {}
                News::Lost(kind, error) => log(format_args!("watching {}: {error}", kind.plural())),
            }
            change = timeout_at(settled, changes.next()).await.ok().flatten();
        }
        // With one list missing, policies would seem to be absent or to select nothing.
        if listed.len() < Kind::ALL {
            continue;
        }
        let (namespaces, pods, policies) = (namespaces.state(), pods.state(), policies.state());
        let cluster = Cluster::read(
            namespaces.iter().map(AsRef::as_ref),
            pods.iter().map(AsRef::as_ref),
            policies.iter().map(AsRef::as_ref),
        );
        match cluster {
            Ok(cluster) => {
                let isolations = compile(&cluster);
                let rules = nft::render(&isolations);
                if rules != enforced {
                    nft::apply(&rules).await?;
                    log(summary(&cluster, &isolations));
                    enforced = rules;
                }
                misunderstood.clear();
            }
            Err(error) => complain_once(&mut misunderstood, &error),
        }
    }
    Ok(())
}

/// A kind of object that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Namespace,
    Pod,
    NetworkPolicy,
}

impl Kind {
    const ALL: usize = 3;

    fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "Namespaces",
            Self::Pod => "Pods",
            Self::NetworkPolicy => "NetworkPolicies",
        }
    }
}

/// What a watch tells.
enum News {
    /// All objects of the kind are known.
    Listed(Kind),
    /// One object is different.
    Changed,
    /// The watch failed, and is tried again with growing pauses.
    Lost(Kind, watcher::Error),
}

/// A copy of all objects of one kind, kept up to date while the stream is read. While a list is
/// repeated, the copy stays as it was.
fn mirror<K>(client: &Client, kind: Kind) -> (Store<K>, BoxStream<'static, News>)
where
    K: kube::Resource<DynamicType = ()>
        + serde::de::DeserializeOwned
        + Clone
        + fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let (store, writer) = reflector::store();
    let news = watch(Api::<K>::all(client.clone()), watcher::Config::default())
        .default_backoff()
        .reflect(writer)
        .map(move |event| match event {
            Ok(Event::InitDone) => News::Listed(kind),
            Ok(_) => News::Changed,
            Err(error) => News::Lost(kind, error),
        });
    (store, news.boxed())
}

async fn client(path: &Path) -> Result<Client, Error> {
    let unusable = |source| Error::Kubeconfig {
        path: path.to_owned(),
        source: Box::new(source),
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(unusable)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(unusable)?;
    Client::try_from(config).map_err(|source| Error::Client(Box::new(source)))
}

fn summary(cluster: &Cluster, isolations: &[Isolation]) -> String {
    let sides = isolations
        .iter()
        .flat_map(|pod| [&pod.ingress, &pod.egress]);
    let flows: usize = sides.flatten().map(BTreeSet::len).sum();
    format!(
        "policies: {}, isolated pods: {} of {}, flows: {flows}",
        cluster.policies.len(),
        isolations.len(),
        cluster.pods.len(),
    )
}

/// The rules stay as they were: leaving a policy out would open what it closes.
fn complain_once(misunderstood: &mut String, error: &PolicyError) {
    let complaint = error.to_string();
    if *misunderstood != complaint {
        log(format_args!("rules unchanged: {complaint}"));
        *misunderstood = complaint;
    }
}

/// Enforcement does not end because nobody reads its log.
fn log(line: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "network policy: {line}");
}
