use datalab_core::report::{Failure, Kind, quoted};

use super::Naming;
use crate::issued::Issued;

/// A script of one command, to be piped into `sh -s FOLDER`: s3fs' own password file has no room
/// for a token, and arguments would show the keys to everybody on the machine.
///
/// <https://github.com/s3fs-fuse/s3fs-fuse/blob/master/doc/man/s3fs.1.in>
pub(super) fn render(issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    let Some(bucket) = &issued.bucket else {
        return Err(
            Failure::new(Kind::Usage, "s3fs mounts one bucket, and none is named")
                .next("the same command with --bucket NAME"),
        );
    };
    let credentials = &issued.credentials;
    let mut environment = vec![
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str()),
        (
            "AWS_SECRET_ACCESS_KEY",
            credentials.secret_access_key.expose(),
        ),
    ];
    let mut options = vec![format!("url={}", option(&issued.store.url))];
    if issued.store.path_style {
        options.push("use_path_request_style".to_owned());
    }
    options.push(format!("endpoint={}", option(&issued.store.region)));
    if let Some(token) = &credentials.session_token {
        environment.push(("AWS_SESSION_TOKEN", token.expose()));
        options.push("use_session_token".to_owned());
    }
    if let Some(file) = naming.ca_file()? {
        environment.push(("CURL_CA_BUNDLE", file));
    }
    let mut source = bucket.clone();
    if let Some(prefix) = &issued.prefix {
        source.push_str(":/");
        source.push_str(prefix.trim_matches('/'));
    }
    let mut text = String::new();
    for (name, value) in environment {
        text.push_str(&format!("{name}={} \\\n", quoted(value)));
    }
    text.push_str(&format!(
        "s3fs {} \"${{1:?the folder to mount on: sh -s FOLDER}}\"",
        quoted(&source)
    ));
    for option in options {
        text.push_str(&format!(" \\\n    -o {}", quoted(&option)));
    }
    text.push('\n');
    Ok(text)
}

/// Fuse cuts its options at commas, unless a backslash stands before.
fn option(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,")
}
