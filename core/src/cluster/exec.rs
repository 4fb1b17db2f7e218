use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, api::AttachParams, core::Request as Requests};

use super::{Attempt, Cluster, Error, PodStream, object::segment, pod_stream::Channels};
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
        let attempt = Attempt::new("create", "pods/exec")
            .on(pod)
            .within(namespace);
        segment(&attempt, pod)?;
        let parameters = AttachParams {
            container: container.map(str::to_owned),
            stdin: true,
            stdout: true,
            stderr: true,
            ..AttachParams::default()
        };
        let requests = Requests::new(Pod::url_path(&(), Some(namespace.as_str())));
        let request = requests
            .exec(pod, command.iter().copied(), &parameters)
            .map_err(|error| Error::Malformed {
                attempt: attempt.clone(),
                reason: error.to_string(),
            })?;
        let connection = self.upgrade(attempt, request).await?;
        Ok(PodStream::new(connection.into_stream(), Channels::Exec))
    }
}
