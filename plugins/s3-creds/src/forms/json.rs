use datalab_core::report::Failure;
use serde::Serialize;

use super::credential_process::unwritable;
use crate::issued::Issued;

/// The suite's machine forms: fields are added, never changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    api_version: &'static str,
    kind: &'static str,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    endpoint: &'a str,
    region: &'a str,
    path_style: bool,
    server: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Origin<'a> {
    issuer: &'a str,
    subject: &'a str,
    username: &'a str,
    sts_endpoint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
    session_name: &'a str,
}

pub(super) fn render(issued: &Issued) -> Result<String, Failure> {
    let credentials = &issued.credentials;
    let token = credentials.session_token.as_ref();
    let document = Document {
        api_version: "datalab/v1",
        kind: "S3Credentials",
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: token.map(|token| token.expose().as_str()),
        expiration: credentials.expiration_text(),
        endpoint: &issued.store.url,
        region: &issued.store.region,
        path_style: issued.store.path_style,
        server: issued.server.name(),
        bucket: issued.bucket.as_deref(),
        prefix: issued.prefix.as_deref(),
        origin: issued.origin.as_ref().map(|origin| Origin {
            issuer: &origin.issuer,
            subject: &origin.subject,
            username: &origin.username,
            sts_endpoint: &origin.sts_url,
            role_arn: origin.role_arn.as_deref(),
            session_name: &origin.session_name,
        }),
    };
    let mut text = serde_json::to_string_pretty(&document).map_err(unwritable)?;
    text.push('\n');
    Ok(text)
}
