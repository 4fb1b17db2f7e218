use datalab_core::report::Failure;

use super::{Naming, env::exports, naming::unfit};
use crate::issued::{Issued, Server};

/// A remote that is nowhere but in the environment.
///
/// <https://rclone.org/docs/#config-file>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let remote = &naming.profile;
    let is_fit = !remote.is_empty()
        && remote
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !is_fit {
        return Err(unfit(
            remote,
            "a remote of rclone in its environment",
            "letters, digits and _",
        ));
    }
    let credentials = &issued.credentials;
    let store = &issued.store;
    let mut options = vec![
        ("TYPE", "s3"),
        ("PROVIDER", provider(issued.server)),
        ("ENDPOINT", &store.url),
        ("REGION", &store.region),
        ("ACCESS_KEY_ID", &credentials.access_key_id),
        ("SECRET_ACCESS_KEY", credentials.secret_access_key.expose()),
    ];
    if let Some(token) = &credentials.session_token {
        options.push(("SESSION_TOKEN", token.expose()));
    }
    let style = if store.path_style { "true" } else { "false" };
    options.push(("FORCE_PATH_STYLE", style));
    let remote = remote.to_ascii_uppercase();
    let variables: Vec<_> = options
        .into_iter()
        .map(|(option, value)| (format!("RCLONE_CONFIG_{remote}_{option}"), value.to_owned()))
        .collect();
    let mut text = exports(&variables);
    if let Some(file) = naming.ca_file()? {
        text.push_str(&exports(&[("RCLONE_CA_CERT", file.to_owned())]));
    }
    Ok(text)
}

/// By the names that rclone 1.60 knows already.
pub(crate) fn provider(server: Server) -> &'static str {
    match server {
        Server::Aws => "AWS",
        Server::Ceph => "Ceph",
        Server::Minio => "Minio",
        Server::RustFs | Server::SeaweedFs | Server::Static | Server::Other => "Other",
    }
}
