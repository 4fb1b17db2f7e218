use datalab_core::report::Failure;

use super::{Naming, Variables, literal::r};
use crate::issued::Issued;

/// Variables for aws.s3, and arguments for paws and arrow, to be pasted or sourced.
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let Variables { set, unset } = Variables::of(issued, naming)?;
    let set: Vec<(&str, String)> = set
        .into_iter()
        .map(|(name, value)| (name, r(&value)))
        .collect();
    let unset: Vec<String> = unset.into_iter().map(r).collect();
    let credentials = &issued.credentials;
    let store = &issued.store;
    let token = credentials.session_token.as_ref();
    let mut keys = vec![
        ("access_key_id", r(&credentials.access_key_id)),
        (
            "secret_access_key",
            r(credentials.secret_access_key.expose()),
        ),
    ];
    keys.extend(token.map(|token| ("session_token", r(token.expose()))));
    let is = |yes: bool| if yes { "TRUE" } else { "FALSE" }.to_owned();
    let scheme = if store.is_tls() { "https" } else { "http" };

    let paws = [
        ("credentials", format!("list(creds = {})", list(&keys))),
        ("endpoint", r(&store.url)),
        ("region", r(&store.region)),
        ("s3_force_path_style", is(store.path_style)),
    ];
    // Two of the names differ from those of paws.
    let names = ["access_key", "secret_key", "session_token"];
    let mut arrow: Vec<_> = names
        .into_iter()
        .zip(keys.iter().map(|(_, value)| value.clone()))
        .collect();
    arrow.extend([
        ("endpoint_override", r(store.authority())),
        ("scheme", r(scheme)),
        ("region", r(&store.region)),
    ]);
    Ok(format!(
        "Sys.unsetenv(c({}))\n\
         {}\n\
         # aws.s3: s3read_using(..., opts = list(region = \"\", use_https = {}))\n\
         # paws.storage::s3(paws_options)\n\
         paws_options <- {}\n\
         # do.call(arrow::S3FileSystem$create, arrow_options)\n\
         arrow_options <- {}\n",
        unset.join(", "),
        call("Sys.setenv", &set),
        is(store.is_tls()),
        list(&paws),
        list(&arrow),
    ))
}

fn list(arguments: &[(&str, String)]) -> String {
    call("list", arguments)
}

fn call(function: &str, arguments: &[(&str, String)]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|(name, value)| format!("{name} = {}", value.replace('\n', "\n  ")))
        .collect();
    format!("{function}(\n  {}\n)", arguments.join(",\n  "))
}
