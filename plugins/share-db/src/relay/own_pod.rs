use datalab_core::{
    cluster::{
        self, Cluster, PodStream, ProgramError,
        api::api::core::v1::{Container, Pod},
    },
    report::Failure,
    words::Namespace,
};

use super::{Address, REACH_TIMEOUT, job};

/// Chooses the program that the pod has.
const CARRY: &str = include_str!("carry.sh");

/// Between the connection and its own standard streams, where there is python3.
const CARRY_PYTHON: &str = include_str!("carry.py");

/// The same, where there is only bash.
const CARRY_BASH: &str = include_str!("carry.bash");

/// Which container an exec is for, where there are several.
///
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container>
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A shell's exit codes for a program that is not there, or cannot be run.
const NO_PROGRAM: [u8; 2] = [126, 127];

/// A running pod of the grantee's own, a notebook say.
#[derive(Clone, Debug)]
pub(crate) struct OwnPod {
    cluster: Cluster,
    namespace: Namespace,
    name: String,
    container: Option<String>,
}

impl OwnPod {
    /// The pod's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Starts a program in the pod that connects to the database.
    pub(super) async fn open(&self, address: &Address) -> Result<PodStream, cluster::Error> {
        let (port, patience) = (
            address.port.to_string(),
            REACH_TIMEOUT.as_secs().to_string(),
        );
        let command = [
            "sh",
            "-c",
            CARRY,
            "sh",
            &address.host,
            &port,
            &patience,
            CARRY_PYTHON,
            CARRY_BASH,
        ];
        self.cluster
            .exec(
                &self.namespace,
                &self.name,
                self.container.as_deref(),
                &command,
            )
            .await
    }

    /// Whether it still runs.
    pub(super) async fn is_alive(&self) -> bool {
        let pod = self.cluster.get::<Pod>(&self.namespace, &self.name).await;
        matches!(pod, Ok(Some(pod)) if is_running(&pod))
    }

    /// Why this pod cannot carry anything, if a program's end means that: it has no shell, or neither
    /// python3 nor bash.
    pub(crate) fn unfit(error: &ProgramError) -> Option<String> {
        let ProgramError { code, message } = error;
        // The container runtime's words, behind a line of its own layers.
        if message.contains("executable file not found") {
            return Some("it has no shell".to_owned());
        }
        code.is_none_or(|code| NO_PROGRAM.contains(&code))
            .then(|| message.clone())
    }
}

/// The running pods of a namespace, the newest first: what was started last is most likely what is
/// being worked in. With a name, only that one.
pub(crate) async fn own_pods(
    cluster: &Cluster,
    namespace: &Namespace,
    name: Option<&str>,
) -> Result<Vec<OwnPod>, Failure> {
    let mut pods = match name {
        Some(name) => Vec::from_iter(cluster.get::<Pod>(namespace, name).await?),
        None => cluster.list::<Pod>(namespace, "").await?,
    };
    // A Job's pod may end at any moment, and relays of other connects do.
    pods.retain(|pod| is_running(pod) && (name.is_some() || !is_of_a_job(pod)));
    pods.sort_by_key(|pod| std::cmp::Reverse(started(pod)));
    Ok(pods
        .into_iter()
        .map(|pod| OwnPod {
            cluster: cluster.clone(),
            namespace: namespace.clone(),
            container: container(&pod),
            name: pod.metadata.name.unwrap_or_default(),
        })
        .collect())
}

fn started(pod: &Pod) -> Option<jiff::Timestamp> {
    let status = pod.status.as_ref()?;
    status.start_time.as_ref().map(|time| time.0)
}

fn is_running(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && pod
            .status
            .as_ref()
            .is_some_and(|status| status.phase.as_deref() == Some("Running"))
}

fn is_of_a_job(pod: &Pod) -> bool {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    owners.iter().any(|owner| owner.kind == "Job") || job::is_relay(pod)
}

/// The container that kubectl would take.
fn container(pod: &Pod) -> Option<String> {
    let annotations = pod.metadata.annotations.as_ref();
    let named = annotations.and_then(|annotations| annotations.get(DEFAULT_CONTAINER));
    let containers: &[Container] = pod
        .spec
        .as_ref()
        .map(|spec| spec.containers.as_slice())
        .unwrap_or_default();
    named
        .or(containers.first().map(|container| &container.name))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_without_a_program_is_told_from_a_database_that_is_away() {
        let unfit = |code: Option<u8>, message: &str| {
            OwnPod::unfit(&ProgramError {
                code,
                message: message.to_owned(),
            })
        };
        let runtime = "failed to start exec \"1f\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"sh\": executable file not found in $PATH: unknown";
        for code in [None, Some(126), Some(127)] {
            assert_eq!(unfit(code, runtime).as_deref(), Some("it has no shell"));
        }
        let neither = "it has neither python3 nor bash";
        assert_eq!(unfit(Some(127), neither).as_deref(), Some(neither));
        assert_eq!(unfit(Some(1), "Connection refused"), None);
    }
}
