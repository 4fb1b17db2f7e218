use datalab_core::report::{Failure, Kind};

use super::{Naming, Section, naming::unfit};
use crate::issued::Issued;

/// A whole configuration file, for `s3cmd -c FILE`.
///
/// <https://s3tools.org/kb/item14.htm>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let mut text = String::from("[default]\n");
    for (key, value) in addresses(issued, naming)?.into_iter().chain(keys(issued)) {
        text.push_str(&format!("{key} = {}\n", spelled(key, &value)?));
    }
    Ok(text)
}

/// Where the store is.
fn addresses(issued: &Issued, naming: &Naming) -> Result<Vec<(&'static str, String)>, Failure> {
    let store = &issued.store;
    let host = store.authority();
    let bucket_host = match store.path_style {
        true => host.to_owned(),
        false => format!("%(bucket)s.{host}"),
    };
    let is_tls = if store.is_tls() { "True" } else { "False" };
    let mut addresses = vec![
        ("host_base", host.to_owned()),
        ("host_bucket", bucket_host),
        ("bucket_location", store.region.clone()),
        ("use_https", is_tls.to_owned()),
        ("signature_v2", "False".to_owned()),
    ];
    if let Some(file) = naming.ca_file()? {
        addresses.push(("ca_certs_file", file.to_owned()));
    }
    Ok(addresses)
}

/// The keys to it.
fn keys(issued: &Issued) -> Vec<(&'static str, String)> {
    let credentials = &issued.credentials;
    let mut keys = vec![
        ("access_key", credentials.access_key_id.clone()),
        ("secret_key", credentials.secret_access_key.expose().clone()),
    ];
    if let Some(token) = &credentials.session_token {
        keys.push(("access_token", token.expose().clone()));
    }
    keys
}

/// The keys of the section that is written here.
pub(crate) const OWN: [&str; 9] = [
    "host_base",
    "host_bucket",
    "bucket_location",
    "use_https",
    "signature_v2",
    "ca_certs_file",
    "access_key",
    "secret_key",
    "access_token",
];

/// A section for s3cmd's own file. s3cmd reads all sections as one, and the last word counts.
///
/// # Errors
/// [`Kind::Usage`]: a value has no place in it.
pub(crate) fn section(
    issued: &Issued,
    naming: &Naming,
    has_keys: bool,
) -> Result<Section, Failure> {
    let mut entries = addresses(issued, naming)?;
    if has_keys {
        entries.extend(keys(issued));
    }
    let name = &naming.profile;
    let is_fit = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    if name.is_empty() || !name.chars().all(is_fit) {
        return Err(unfit(
            name,
            "a section of s3cmd's file",
            "letters, digits and _ - .",
        ));
    }
    Ok(Section {
        name: name.clone(),
        entries: entries
            .into_iter()
            .map(|(key, value)| Ok((key, spelled(key, &value)?)))
            .collect::<Result<_, Failure>>()?,
    })
}

/// A value of the file. s3cmd takes off one pair of double quotes and the blanks around a value, and
/// looks up what begins with a dollar in its environment.
fn spelled(key: &str, value: &str) -> Result<String, Failure> {
    if value.starts_with('$') || value.trim() != value || value.is_empty() {
        return Err(Failure::new(
            Kind::Usage,
            format!("the value of {key} cannot stand in a file of s3cmd"),
        )
        .detail("it is empty, begins with a $, or has a blank at one end")
        .next("the same command with -o env: s3cmd reads that too"));
    }
    Ok(match value.starts_with('"') {
        true => format!("\"{value}\""),
        false => value.to_owned(),
    })
}
