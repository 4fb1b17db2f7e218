use datalab_core::{
    report::{Failure, Kind},
    words::{NameError, ObjectName},
};
use serde_json::{Map, Value, json};

use super::{Naming, credential_process::unwritable};
use crate::issued::Issued;

/// The keys that the charts of the platform give their pods, so that `envFrom` works as there.
///
/// <https://github.com/InseeFrLab/helm-charts-interactive-services> (library chart, secretS3)
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let name: ObjectName = naming.profile.parse().map_err(|error: NameError| {
        Failure::new(
            Kind::Usage,
            format!("no Secret can have that name: {error}"),
        )
        .next("the same command with --name my-s3")
    })?;
    let credentials = &issued.credentials;
    let store = &issued.store;
    let mut annotations = Map::new();
    if let Some(expiration) = credentials.expiration_text() {
        annotations.insert("datalab/expires".into(), expiration.into());
    }
    let mut data = Map::new();
    let mut put = |key: &str, value: &str| data.insert(key.into(), value.into());
    put("AWS_ACCESS_KEY_ID", &credentials.access_key_id);
    put(
        "AWS_SECRET_ACCESS_KEY",
        credentials.secret_access_key.expose(),
    );
    if let Some(token) = &credentials.session_token {
        put("AWS_SESSION_TOKEN", token.expose());
    }
    put("AWS_S3_ENDPOINT", store.authority());
    put("AWS_ENDPOINT_URL", &store.url);
    put("S3_ENDPOINT", &store.url);
    put("AWS_DEFAULT_REGION", &store.region);
    let style = if store.path_style { "true" } else { "false" };
    put("AWS_PATH_STYLE_ACCESS", style);
    if let Some(place) = issued.place() {
        put("AWS_WORKING_DIRECTORY_PATH", &place);
    }
    let mut metadata = json!({
        "name": name.as_str(),
        "labels": {
            "app.kubernetes.io/managed-by": "kubectl-datalab",
            "datalab/purpose": "s3-creds",
        },
    });
    if !annotations.is_empty() {
        metadata["annotations"] = Value::Object(annotations);
    }
    yaml(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "stringData": data,
    }))
}

pub(super) fn yaml(document: &Value) -> Result<String, Failure> {
    let mut text = serde_yaml::to_string(document).map_err(unwritable)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}
