use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, core::Request as Requests};

use super::{Attempt, Cluster, Error, PodStream, object::segment, pod_stream::Channels};
use crate::words::Namespace;

impl Cluster {
    /// Opens a byte stream to a port of a pod.
    ///
    /// # Errors
    /// [`Error`]; whether anything listens on the port shows only when the stream is read.
    pub async fn port_forward(
        &self,
        namespace: &Namespace,
        pod: &str,
        port: u16,
    ) -> Result<PodStream, Error> {
        let attempt = Attempt::new("create", "pods/portforward")
            .on(pod)
            .within(namespace);
        segment(&attempt, pod)?;
        let requests = Requests::new(Pod::url_path(&(), Some(namespace.as_str())));
        let request = requests
            .portforward(pod, &[port])
            .map_err(|error| Error::Malformed {
                attempt: attempt.clone(),
                reason: error.to_string(),
            })?;
        let connection = self.upgrade(attempt, request).await?;
        Ok(PodStream::new(
            connection.into_stream(),
            Channels::PortForward,
        ))
    }
}
