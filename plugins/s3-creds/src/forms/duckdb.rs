use datalab_core::report::Failure;

use super::{
    Naming,
    literal::{sql, sql_name},
};
use crate::issued::Issued;

/// <https://duckdb.org/docs/stable/core_extensions/httpfs/s3api>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let credentials = &issued.credentials;
    let store = &issued.store;
    let mut parameters = vec![
        "TYPE s3".to_owned(),
        format!("KEY_ID {}", sql(&credentials.access_key_id)),
        format!("SECRET {}", sql(credentials.secret_access_key.expose())),
    ];
    if let Some(token) = &credentials.session_token {
        parameters.push(format!("SESSION_TOKEN {}", sql(token.expose())));
    }
    parameters.push(format!("REGION {}", sql(&store.region)));
    // Host and port: a scheme would become a part of the host's name.
    parameters.push(format!("ENDPOINT {}", sql(store.authority())));
    let style = if store.path_style { "path" } else { "vhost" };
    parameters.push(format!("URL_STYLE {}", sql(style)));
    parameters.push(format!("USE_SSL {}", store.is_tls()));
    if let Some(place) = issued.place() {
        parameters.push(format!("SCOPE {}", sql(&format!("s3://{place}"))));
    }
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
