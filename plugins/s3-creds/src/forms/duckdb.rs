use datalab_core::report::Failure;

use super::{
    Naming,
    literal::{sql, sql_name},
};
use crate::issued::Issued;

/// <https://duckdb.org/docs/stable/core_extensions/httpfs/s3api>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let mut parameters = vec!["TYPE s3".to_owned()];
    parameters.extend(keys(issued));
    parameters.extend(addresses(issued));
    let mut text = format!(
        "CREATE OR REPLACE SECRET {} (\n    {}\n);\n",
        sql_name(&naming.profile),
        parameters.join(",\n    ")
    );
    if let Some(file) = naming.ca_file()? {
        text.push_str(&format!("SET ca_cert_file = {};\n", sql(file)));
    }
    Ok(text)
}

/// The same on one line, for DuckDB's own file: with the keys, or with the AWS profile that gives
/// them.
///
/// # Errors
/// [`Kind::Usage`](datalab_core::report::Kind::Usage): the path of the authorities is no text.
pub(crate) fn statement(
    issued: &Issued,
    naming: &Naming,
    profile: Option<&str>,
) -> Result<String, Failure> {
    let mut parameters = vec!["TYPE s3".to_owned()];
    match profile {
        Some(profile) => parameters.extend([
            "PROVIDER credential_chain".to_owned(),
            "CHAIN 'process'".to_owned(),
            format!("PROFILE {}", sql(profile)),
            "REFRESH auto".to_owned(),
        ]),
        None => parameters.extend(keys(issued)),
    }
    parameters.extend(addresses(issued));
    let authorities = match naming.ca_file()? {
        Some(file) => format!("SET ca_cert_file = {}; ", sql(file)),
        None => String::new(),
    };
    Ok(format!(
        "{authorities}CREATE OR REPLACE SECRET {} ({});",
        sql_name(&naming.profile),
        parameters.join(", ")
    ))
}

fn keys(issued: &Issued) -> Vec<String> {
    let credentials = &issued.credentials;
    let mut keys = vec![
        format!("KEY_ID {}", sql(&credentials.access_key_id)),
        format!("SECRET {}", sql(credentials.secret_access_key.expose())),
    ];
    if let Some(token) = &credentials.session_token {
        keys.push(format!("SESSION_TOKEN {}", sql(token.expose())));
    }
    keys
}

fn addresses(issued: &Issued) -> Vec<String> {
    let store = &issued.store;
    let style = if store.path_style { "path" } else { "vhost" };
    let mut addresses = vec![
        format!("REGION {}", sql(&store.region)),
        // Host and port: a scheme would become a part of the host's name.
        format!("ENDPOINT {}", sql(store.authority())),
        format!("URL_STYLE {}", sql(style)),
        format!("USE_SSL {}", store.is_tls()),
    ];
    if let Some(place) = issued.place() {
        addresses.push(format!("SCOPE {}", sql(&format!("s3://{place}"))));
    }
    addresses
}
