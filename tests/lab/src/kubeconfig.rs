//! The kubeconfigs of the lab's own parts and of its administrator.

use std::path::Path;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::pki::{self, Identity};

/// A kubeconfig with everything inside, readable by root only.
pub(crate) fn write(
    path: &Path,
    context: &str,
    server: &str,
    authority: &str,
    client: &Identity,
) -> Result<(), pki::Error> {
    // JSON is YAML: kubectl and every client library read it.
    pki::write_private(
        path,
        &format!("{:#}\n", config(context, server, authority, client)),
    )
}

fn config(context: &str, server: &str, authority: &str, client: &Identity) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": context,
            "cluster": {
                "server": server,
                "certificate-authority-data": BASE64.encode(authority.as_bytes()),
            },
        }],
        "users": [{
            "name": context,
            "user": {
                "client-certificate-data": BASE64.encode(client.certificate.as_bytes()),
                "client-key-data": BASE64.encode(client.key.as_bytes()),
            },
        }],
        "contexts": [{ "name": context, "context": { "cluster": context, "user": context } }],
        "current-context": context,
    })
}
