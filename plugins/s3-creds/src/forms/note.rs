//! What a form cannot carry, and whoever uses it should know.

use super::{Form, Naming};
use crate::issued::Issued;

/// Notes for stderr, a line each; none holds a secret.
pub(crate) fn notes(form: Form, issued: &Issued, naming: &Naming) -> Vec<String> {
    let mut notes = Vec::new();
    let is_temporary = issued.credentials.session_token.is_some();
    let mut note = |text: &str| notes.push(text.to_owned());
    match form {
        Form::S3cmd if is_temporary => note(
            "s3cmd looks for a cloud machine's role before each request when its file holds a \
             token: it waits some seconds, or takes that role's keys; with -o env it does not",
        ),
        Form::S3fsFuse if is_temporary => {
            note("s3fs does not renew: the mount stops working when the keys end");
        }
        Form::AwsProfile if naming.program.is_empty() => {
            note("nothing can give these keys again, so the profile holds the keys themselves");
        }
        Form::WebIdentity => {
            note(
                "the SDK asks for no duration, so the server's own holds; with MinIO that is the \
                 token's life",
            );
            note("SDKs send the token's file as it is: a line end in it makes Ceph refuse");
        }
        Form::Env | Form::Fish | Form::Dotenv if naming.ca_file.is_some() => note(
            "rclone 1.60 fails when AWS_CA_BUNDLE is set: unset it there, and set RCLONE_CA_CERT",
        ),
        Form::HelmValues => {
            let has_port = issued
                .store
                .authority()
                .rsplit(']')
                .next()
                .is_some_and(|rest| rest.contains(':'));
            if !issued.store.is_tls() || has_port {
                note(
                    "the charts make https://HOST/ of the endpoint: one without TLS, or with a \
                     port, may be lost on the way",
                );
            }
        }
        Form::Mc if naming.ca_file.is_some() => {
            note("mc reads authorities from certs/CAs in its own folder, ~/.mc, only");
        }
        Form::K8sSecret | Form::Duckdb | Form::Python | Form::R if naming.ca_file.is_some() => {
            note(match form {
                Form::K8sSecret => "the Secret names no file of authorities: the pod needs its own",
                Form::Duckdb => {
                    "ca_cert_file is for the whole session of DuckDB, not for this store alone"
                }
                Form::Python => {
                    "polars takes authorities from the system only, or from SSL_CERT_FILE"
                }
                _ => {
                    "in R, aws.s3 and paws take authorities from CURL_CA_BUNDLE, arrow from the system only"
                }
            });
        }
        _ => {}
    }
    notes
}
