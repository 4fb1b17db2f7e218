//! A user's kubeconfig: the stage's cluster, her own certificate, her namespace.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::json;

use super::certificate::Identity;
use super::stage::Stage;

/// Writes the kubeconfig of a user with one context, `lab`, whose namespace is hers.
///
/// # Panics
/// When the stage's own kubeconfig cannot be read, or this one not be written.
#[track_caller]
pub(super) fn write_for(
    path: &Path,
    stage: &Stage,
    user: &str,
    namespace: &str,
    identity: &Identity,
) {
    let base64 = |pem: &str| data_encoding::BASE64.encode(pem.as_bytes());
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "lab", "cluster": stage.cluster() }],
        "users": [{ "name": user, "user": {
            "client-certificate-data": base64(&identity.certificate),
            "client-key-data": base64(&identity.key),
        } }],
        "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": user, "namespace": namespace } }],
        "current-context": "lab",
    });
    write(path, &config.to_string());
}

/// Writes a kubeconfig that only its owner reads.
///
/// # Panics
/// When it cannot be written or exists.
#[track_caller]
pub(super) fn write(path: &Path, text: &str) {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .expect("because a kubeconfig is written once, into a folder of the stage");
}
