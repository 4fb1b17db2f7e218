use datalab_core::report::Failure;
use serde_json::json;

use super::k8s_secret::yaml;
use crate::issued::Issued;

/// The values of the platform's charts, which always make a Secret of their own from them.
///
/// <https://github.com/InseeFrLab/helm-charts-interactive-services> (values.yaml, `s3`)
pub(super) fn render(issued: &Issued) -> Result<String, Failure> {
    let credentials = &issued.credentials;
    let store = &issued.store;
    let token = credentials.session_token.as_ref();
    let mut s3 = json!({
        "enabled": true,
        "accessKeyId": credentials.access_key_id,
        "secretAccessKey": credentials.secret_access_key.expose(),
        // Empty rather than left out: a release that is upgraded would keep the old one.
        "sessionToken": token.map_or("", |token| token.expose()),
        "endpoint": store.authority(),
        "defaultRegion": store.region,
        "pathStyleAccess": store.path_style,
    });
    if let Some(place) = issued.place() {
        s3["workingDirectoryPath"] = place.into();
    }
    yaml(&json!({ "s3": s3 }))
}
