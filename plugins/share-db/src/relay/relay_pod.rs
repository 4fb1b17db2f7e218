use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use datalab_core::{
    cluster::{
        self, Cluster, Creation, PodStream, WriteMode,
        api::api::{
            batch::v1::Job,
            core::v1::{ContainerStateWaiting, Pod},
        },
    },
    report::{Failure, Kind},
    words::Namespace,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Address,
    job::{self, BY_PURPOSE, LIFE_PORT, RELAY_PORT, SILENCE},
};

/// How long the relay's pod may take to run: an image of 4 MB is pulled in less.
const START_LIMIT: Duration = Duration::from_secs(120);

/// How often the pod is looked at until it runs.
const POLL: Duration = Duration::from_millis(250);

/// How often a sign of life is sent.
const BEAT: Duration = Duration::from_secs(10);

/// Why a pod that waits will not run by waiting.
///
/// <https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff>
const HOPELESS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
];

/// A relay that runs.
#[derive(Debug)]
pub(crate) struct RelayPod {
    cluster: Cluster,
    namespace: Namespace,
    pod: String,
    alive: Arc<AtomicBool>,
    life: JoinHandle<()>,
}

impl RelayPod {
    /// The pod's name.
    pub(crate) fn pod(&self) -> &str {
        &self.pod
    }

    pub(super) async fn open(&self) -> Result<PodStream, cluster::Error> {
        self.cluster
            .port_forward(&self.namespace, &self.pod, RELAY_PORT)
            .await
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }
}

impl Drop for RelayPod {
    fn drop(&mut self) {
        // Without signs of life the relay ends.
        self.life.abort();
    }
}

/// A relay that the cluster would let in.
pub(crate) struct Planned {
    job: Job,
    name: String,
    image: String,
}

impl Planned {
    /// Tries the relay's pod and its Job on the cluster, which makes neither.
    ///
    /// # Errors
    /// The cluster's rules or policies refuse one of them.
    pub(crate) async fn admitted(
        cluster: &Cluster,
        namespace: &Namespace,
        name: &str,
        image: &str,
        address: &Address,
    ) -> Result<Self, Failure> {
        let job = job::job(namespace, name, image, address)?;
        let pod = job::pod(&job);
        let (left, pod, tried) = tokio::join!(
            remove_ended(cluster, namespace),
            cluster.create(namespace, &pod, WriteMode::ServerDryRun),
            cluster.create(namespace, &job, WriteMode::ServerDryRun)
        );
        // Somebody else's leftovers are not in the way of this connect.
        drop(left);
        pod.map_err(|error| refused(error, "pod"))?;
        tried.map_err(|error| refused(error, "job"))?;
        Ok(Self {
            job,
            name: name.to_owned(),
            image: image.to_owned(),
        })
    }

    /// Makes the relay and waits until it runs. Whatever comes of it, [`remove`] takes it away by the
    /// Job's name; if nobody does, it ends by itself.
    ///
    /// # Errors
    /// The cluster refuses it after all, or it does not run in time.
    pub(crate) async fn start(
        self,
        cluster: &Cluster,
        namespace: &Namespace,
    ) -> Result<RelayPod, Failure> {
        let Self { job, name, image } = self;
        match cluster.create(namespace, &job, WriteMode::Commit).await {
            Ok(Creation::Created(_)) => {}
            Ok(Creation::AlreadyExists) => {
                return Err(Failure::new(
                    Kind::Conflict,
                    format!("job {name} of namespace {namespace} is there already"),
                ));
            }
            Err(error) => return Err(refused(error, "job")),
        }
        let (pod, life) = async {
            let pod = wait_for_pod(cluster, namespace, &name, &image).await?;
            let life = first_sign_of_life(cluster, namespace, &pod).await?;
            Ok((pod, life))
        }
        .await
        .map_err(|failure: Failure| failure.state(format!("job {name} was removed again")))?;
        let alive = Arc::new(AtomicBool::new(true));
        let life = tokio::spawn(keep_alive(life, Arc::clone(&alive)));
        Ok(RelayPod {
            cluster: cluster.clone(),
            namespace: namespace.clone(),
            pod,
            alive,
            life,
        })
    }
}

/// Takes a relay away; one that is gone already is as good.
pub(crate) async fn remove(
    cluster: &Cluster,
    namespace: &Namespace,
    name: &str,
) -> Result<(), cluster::Error> {
    cluster
        .delete::<Job>(namespace, name, None, WriteMode::Commit)
        .await
        .map(drop)
}

/// Takes away relays that ended and were left, where the cluster's own clean-up does not run.
async fn remove_ended(cluster: &Cluster, namespace: &Namespace) -> Result<(), cluster::Error> {
    for job in cluster.list::<Job>(namespace, BY_PURPOSE).await? {
        let status = job.status.unwrap_or_default();
        let has_ended = status.conditions.iter().flatten().any(|condition| {
            condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
        });
        if let (true, Some(name)) = (has_ended, job.metadata.name) {
            let uid = job.metadata.uid.as_deref();
            cluster
                .delete::<Job>(namespace, &name, uid, WriteMode::Commit)
                .await?;
        }
    }
    Ok(())
}

fn refused(error: cluster::Error, what: &str) -> Failure {
    let is_final = matches!(
        error,
        cluster::Error::Denied { .. } | cluster::Error::Forbidden { .. }
    );
    let failure = Failure::from(error)
        .detail(format!(
            "connect needs this {what} in your namespace, as there is no other way to the database from here"
        ))
        .state("nothing was made");
    if is_final {
        failure
            .next("the same command in a terminal or notebook of the platform, or while one runs")
    } else {
        failure
    }
}

async fn wait_for_pod(
    cluster: &Cluster,
    namespace: &Namespace,
    job: &str,
    image: &str,
) -> Result<String, Failure> {
    let begun = Instant::now();
    let selector = format!("batch.kubernetes.io/job-name={job}");
    loop {
        let pods = cluster.list::<Pod>(namespace, &selector).await?;
        let mut why = "no pod was made for it".to_owned();
        if let Some(pod) = pods.first() {
            let status = pod.status.clone().unwrap_or_default();
            let containers = status.container_statuses.unwrap_or_default();
            if containers.iter().any(|container| {
                let state = container.state.as_ref();
                state.is_some_and(|state| state.running.is_some())
            }) {
                return Ok(pod.metadata.name.clone().unwrap_or_default());
            }
            let waiting = containers
                .into_iter()
                .find_map(|container| container.state?.waiting);
            if let Some(hopeless) = waiting.as_ref().filter(|waiting| is_hopeless(waiting)) {
                return Err(not_running(namespace, image, &said(hopeless)));
            }
            let unplaced = status
                .conditions
                .into_iter()
                .flatten()
                .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
                .and_then(|condition| condition.message);
            why = waiting
                .as_ref()
                .map(said)
                .or(unplaced)
                .or(status.message)
                .unwrap_or_else(|| status.phase.unwrap_or_else(|| "unknown".to_owned()));
            if matches!(pod_phase(pod), Some("Failed" | "Succeeded")) {
                return Err(not_running(namespace, image, &why)
                    .detail("it ended at once; the image has to have sh and socat"));
            }
        }
        if begun.elapsed() > START_LIMIT {
            return Err(not_running(namespace, image, &why)
                .detail(format!("waited {} s", START_LIMIT.as_secs())));
        }
        sleep(POLL).await;
    }
}

fn pod_phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}

fn is_hopeless(waiting: &ContainerStateWaiting) -> bool {
    let reason = waiting.reason.as_deref();
    reason.is_some_and(|reason| HOPELESS.contains(&reason))
}

fn said(waiting: &ContainerStateWaiting) -> String {
    let parts = [waiting.reason.as_deref(), waiting.message.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn not_running(namespace: &Namespace, image: &str, why: &str) -> Failure {
    Failure::new(
        Kind::Unreachable,
        format!("the relay pod of namespace {namespace} does not run"),
    )
    .detail(why)
    .detail(format!(
        "image {image}; --relay-image names another, with sh and socat"
    ))
    .next("the same command in a terminal or notebook of the platform, or while one runs")
}

/// The stream that keeps the relay alive, once it answers.
async fn first_sign_of_life(
    cluster: &Cluster,
    namespace: &Namespace,
    pod: &str,
) -> Result<PodStream, Failure> {
    let begun = Instant::now();
    loop {
        let mut stream = cluster.port_forward(namespace, pod, LIFE_PORT).await?;
        match beat(&mut stream).await {
            Ok(()) => return Ok(stream),
            // Its programs start a moment after the pod.
            Err(_) if begun.elapsed() < SILENCE => sleep(POLL).await,
            Err(error) => {
                return Err(Failure::new(
                    Kind::Unreachable,
                    format!("relay pod {pod} of namespace {namespace} does not answer"),
                )
                .caused_by(&error)
                .detail("its image has to have sh and socat")
                .next(format!("kubectl logs {pod} -n {namespace}")));
            }
        }
    }
}

async fn keep_alive(mut stream: PodStream, alive: Arc<AtomicBool>) {
    let mut nothing = [0];
    while beat(&mut stream).await.is_ok() {
        tokio::select! {
            () = sleep(BEAT) => {}
            // Nothing is due: whatever this is, it is the end.
            _ = stream.read(&mut nothing) => break,
        }
    }
    alive.store(false, Ordering::Relaxed);
}

/// One byte there and back.
async fn beat(stream: &mut PodStream) -> io::Result<()> {
    let answered = timeout(SILENCE, async {
        stream.write_all(b".").await?;
        stream.flush().await?;
        stream.read_exact(&mut [0]).await
    });
    answered.await??;
    Ok(())
}
