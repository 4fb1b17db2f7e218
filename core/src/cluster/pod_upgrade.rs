use http::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, client::Connection, core::Request as Requests};

use super::{Attempt, Cluster, Error, object::segment};
use crate::words::Namespace;

impl Cluster {
    /// Upgrades a connection to a subresource of a pod; `request` is built for the pods of the
    /// namespace, or says why it cannot be.
    pub(super) async fn upgrade_to_pod(
        &self,
        namespace: &Namespace,
        pod: &str,
        resource: &str,
        request: impl FnOnce(&Requests) -> Result<Request<Vec<u8>>, String>,
    ) -> Result<Connection, Error> {
        let attempt = Attempt::new("create", resource).on(pod).within(namespace);
        segment(&attempt, pod)?;
        let requests = Requests::new(Pod::url_path(&(), Some(namespace.as_str())));
        match request(&requests) {
            Ok(request) => self.upgrade(attempt, request).await,
            Err(reason) => Err(Error::Malformed { attempt, reason }),
        }
    }
}
