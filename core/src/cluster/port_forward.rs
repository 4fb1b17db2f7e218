use super::{Cluster, Error, PodStream, pod_stream::Channels};
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
        let connection = self
            .upgrade_to_pod(namespace, pod, "pods/portforward", |pods| {
                pods.portforward(pod, &[port])
                    .map_err(|error| error.to_string())
            })
            .await?;
        Ok(PodStream::new(
            connection.into_stream(),
            Channels::PortForward,
        ))
    }
}
