//! What is said of a tool's settings.

use datalab_core::report::{quoted_if_needed, whole_seconds};

use super::{Request, Tool};
use crate::{desk::Desk, forms::Naming, issue::Ready};

/// A command to try it with.
pub(super) fn example(
    request: &Request,
    name: &str,
    bucket: Option<&str>,
    desk: &Desk<'_>,
) -> String {
    let place = bucket.unwrap_or_default();
    match request.tool {
        Tool::Aws => {
            let place = bucket
                .map(|place| format!(" s3://{place}/"))
                .unwrap_or_default();
            match name {
                "default" => format!("aws s3 ls{place}"),
                name => format!("aws s3 ls{place} --profile {name}"),
            }
        }
        Tool::Mc => format!("mc ls {name}/{place}"),
        Tool::Rclone => format!("rclone lsf {name}:{place}"),
        Tool::S3cmd => {
            let place = bucket
                .map(|place| format!(" s3://{place}/"))
                .unwrap_or_default();
            match request.is_static {
                true => format!("s3cmd ls{place}"),
                false => {
                    let flags = request.source.words().unwrap_or_default();
                    let flags: String = flags
                        .iter()
                        .map(|flag| format!(" {}", quoted_if_needed(flag)))
                        .collect();
                    format!("{} exec{flags} -- s3cmd ls{place}", desk.name)
                }
            }
        }
        Tool::Duckdb => format!(
            "duckdb -c \"FROM glob('s3://{}/*')\"",
            bucket.unwrap_or("BUCKET")
        ),
    }
}

/// What a person ought to know of it.
pub(super) fn notes(request: &Request, ready: &Ready, naming: &Naming) -> Vec<String> {
    let mut notes = ready.notes.clone();
    let has_keys = !request.renews();
    if let (true, Some(expires)) = (has_keys, ready.expires) {
        notes.push(format!(
            "the keys themselves are in the file, and end at {}: the same command writes new ones",
            whole_seconds(expires)
        ));
    }
    if request.tool == Tool::S3cmd && has_keys && ready.expires.is_some() {
        notes.push(
            "s3cmd looks for a cloud machine's role before each request when its file holds a \
             token: it waits some seconds, or takes that role's keys"
                .to_owned(),
        );
    }
    if request.tool == Tool::S3cmd && !has_keys {
        notes.push("s3cmd cannot ask for keys: it takes them from its environment".to_owned());
    }
    if let (Some(file), Tool::Rclone) = (&naming.ca_file, request.tool) {
        notes.push(format!(
            "rclone has no such setting for one remote: set RCLONE_CA_CERT={}",
            file.display()
        ));
    }
    if let (Some(file), Tool::Mc) = (&naming.ca_file, request.tool) {
        notes.push(format!(
            "mc takes authorities from certs/CAs beside its file only: copy {} there",
            file.display()
        ));
    }
    notes
}
