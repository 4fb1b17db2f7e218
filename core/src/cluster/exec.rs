use kube::api::AttachParams;

use super::{Cluster, Error, PodStream, pod_stream::Channels};
use crate::words::Namespace;

impl Cluster {
    /// Starts a program in a pod that runs, and opens a byte stream to its standard input and from
    /// its standard output. Where no container is named, the pod has to have just one.
    ///
    /// The program's arguments can be read by whoever reads processes there, or the API server's
    /// audit log: they are no place for a secret.
    ///
    /// # Errors
    /// [`Error`]; whether the program could be started shows only when the stream is read.
    pub async fn exec(
        &self,
        namespace: &Namespace,
        pod: &str,
        container: Option<&str>,
        command: &[&str],
    ) -> Result<PodStream, Error> {
        let parameters = AttachParams {
            container: container.map(str::to_owned),
            stdin: true,
            stdout: true,
            stderr: true,
            ..AttachParams::default()
        };
        let connection = self
            .upgrade_to_pod(namespace, pod, "pods/exec", |pods| {
                pods.exec(pod, command.iter().copied(), &parameters)
                    .map_err(|error| error.to_string())
            })
            .await?;
        Ok(PodStream::new(connection.into_stream(), Channels::Exec))
    }
}
