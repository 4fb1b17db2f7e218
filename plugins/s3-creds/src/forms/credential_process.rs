use datalab_core::report::{Failure, Kind};
use serde::Serialize;

use crate::issued::Credentials;

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    /// Without it the SDK never asks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
}

pub(super) fn render(credentials: &Credentials) -> Result<String, Failure> {
    let token = credentials.session_token.as_ref();
    let answer = Answer {
        version: 1,
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: token.map(|token| token.expose().as_str()),
        expiration: credentials.expiration_text(),
    };
    let mut text = serde_json::to_string(&answer).map_err(unwritable)?;
    text.push('\n');
    Ok(text)
}

/// Texts and numbers always are JSON; this is for the signature.
pub(super) fn unwritable(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        Kind::Failed,
        format!("the credentials cannot be written down: {error}"),
    )
}
