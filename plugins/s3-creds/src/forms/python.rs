use datalab_core::report::Failure;

use super::{Naming, literal, variables::CHECKSUMS};
use crate::issued::{Issued, Server};

/// Keyword arguments, a dictionary for each library, to be pasted or executed.
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let credentials = &issued.credentials;
    let store = &issued.store;
    let text = |value: &str| Some(literal::python(value));
    let key = text(&credentials.access_key_id);
    let secret = text(credentials.secret_access_key.expose());
    let token = credentials.session_token.as_ref();
    let token = token.and_then(|token| text(token.expose()));
    let (url, region) = (text(&store.url), text(&store.region));
    let ca_file = naming.ca_file()?.and_then(text);
    let scheme = if store.is_tls() { "https" } else { "http" };
    let style = if store.path_style { "path" } else { "virtual" };

    let client = dictionary(&[("region_name", region.clone()), ("verify", ca_file.clone())]);
    let style_options = format!("{{\"s3\": {{\"addressing_style\": \"{style}\"}}}}");
    let mut snippet = String::new();
    let mut environment = Vec::new();
    if issued.server != Server::Aws {
        environment.extend(CHECKSUMS.map(|(name, value)| (name, literal::python(value))));
    }
    if let Some(file) = &ca_file {
        environment.push(("AWS_CA_BUNDLE", file.clone()));
    }
    if !environment.is_empty() {
        snippet.push_str("import os\n\n");
    }
    for (name, value) in environment {
        snippet.push_str(&format!("os.environ[\"{name}\"] = {value}\n"));
    }
    if !snippet.is_empty() {
        snippet.push('\n');
    }
    let mut add = |comment: &str, name: &str, entries: &[(&str, Option<String>)]| {
        snippet.push_str(&format!("# {comment}\n{name} = {}\n", dictionary(entries)));
    };
    add(
        "boto3.client(\"s3\", **boto3_options)",
        "boto3_options",
        &[
            ("aws_access_key_id", key.clone()),
            ("aws_secret_access_key", secret.clone()),
            ("aws_session_token", token.clone()),
            ("endpoint_url", url.clone()),
            ("region_name", region.clone()),
            ("verify", ca_file.clone()),
        ],
    );
    add(
        "s3fs.S3FileSystem(**storage_options), \
         pandas.read_parquet(\"s3://...\", storage_options=storage_options)",
        "storage_options",
        &[
            ("key", key.clone()),
            ("secret", secret.clone()),
            ("token", token.clone()),
            ("endpoint_url", url.clone()),
            ("client_kwargs", Some(client)),
            ("config_kwargs", Some(style_options)),
        ],
    );
    let is = |yes: bool| text(if yes { "true" } else { "false" });
    add(
        "polars.read_parquet(\"s3://...\", storage_options=polars_options), deltalake too",
        "polars_options",
        &[
            ("aws_access_key_id", key.clone()),
            ("aws_secret_access_key", secret.clone()),
            ("aws_session_token", token.clone()),
            ("aws_endpoint_url", url),
            ("aws_region", region.clone()),
            ("aws_allow_http", is(!store.is_tls())),
            ("aws_virtual_hosted_style_request", is(!store.path_style)),
        ],
    );
    let style = if store.path_style { "False" } else { "True" };
    add(
        "pyarrow.fs.S3FileSystem(**pyarrow_options)",
        "pyarrow_options",
        &[
            ("access_key", key),
            ("secret_key", secret),
            ("session_token", token),
            ("endpoint_override", text(store.authority())),
            ("scheme", text(scheme)),
            ("region", region),
            ("force_virtual_addressing", Some(style.to_owned())),
            ("tls_ca_file_path", ca_file),
        ],
    );
    Ok(snippet)
}

/// Those of the entries that have a value, on a line each where they are more than two.
fn dictionary(entries: &[(&str, Option<String>)]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .filter_map(|(name, value)| Some(format!("\"{name}\": {}", value.as_ref()?)))
        .collect();
    match entries.len() {
        0..=2 => format!("{{{}}}", entries.join(", ")),
        _ => format!("{{\n    {},\n}}", entries.join(",\n    ")),
    }
}
