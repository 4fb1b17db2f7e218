use datalab_core::report::Failure;

use super::{Naming, Section, env::exports, naming::unfit};
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

/// The keys of the sections that are written here.
pub(crate) const OWN: [&str; 10] = [
    "type",
    "provider",
    "env_auth",
    "profile",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "endpoint",
    "region",
    "force_path_style",
];

/// A remote in rclone's own file: with the keys, or with the AWS profile that gives them.
///
/// # Errors
/// [`Kind::Usage`](datalab_core::report::Kind::Usage): a name or a value has no place in it.
pub(crate) fn section(
    issued: &Issued,
    name: &str,
    profile: Option<&str>,
) -> Result<Section, Failure> {
    // More than these rclone takes only in quotes, where a remote is named.
    let is_fit = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(is_fit) {
        return Err(unfit(
            name,
            "a remote of rclone",
            "letters, digits and _ - .",
        ));
    }
    let store = &issued.store;
    let mut section = Section {
        name: name.to_owned(),
        entries: Vec::new(),
    };
    section.put("type", "s3")?;
    section.put("provider", provider(issued.server))?;
    match profile {
        Some(profile) => {
            section.put("env_auth", "true")?;
            section.put("profile", profile)?;
        }
        None => {
            let credentials = &issued.credentials;
            section.put("access_key_id", &credentials.access_key_id)?;
            let secret = credentials.secret_access_key.expose();
            section.put("secret_access_key", secret)?;
            if let Some(token) = &credentials.session_token {
                section.put("session_token", token.expose())?;
            }
        }
    }
    section.put("endpoint", &store.url)?;
    section.put("region", &store.region)?;
    let style = if store.path_style { "true" } else { "false" };
    section.put("force_path_style", style)?;
    Ok(section)
}

/// By the names that rclone 1.60 knows already.
fn provider(server: Server) -> &'static str {
    match server {
        Server::Aws => "AWS",
        Server::Ceph => "Ceph",
        Server::Minio => "Minio",
        Server::RustFs | Server::SeaweedFs | Server::Static | Server::Other => "Other",
    }
}
