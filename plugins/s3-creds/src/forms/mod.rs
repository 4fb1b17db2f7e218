//! Credentials in the form that the next tool reads, a form a file.
//!
//! [`render`] is the only way in. What all forms refuse is refused there; what one format cannot
//! carry is refused in words by the file of that form, never bent.

mod aws_profile;
mod credential_process;
mod dotenv;
pub(crate) mod duckdb;
mod env;
mod fish;
mod helm_values;
mod json;
mod k8s_secret;
mod literal;
pub(crate) mod mc;
mod naming;
mod note;
mod python;
mod r;
pub(crate) mod rclone;
pub(crate) mod s3cmd;
mod s3fs_fuse;
mod section;
#[cfg(test)]
mod tests;
mod variables;
mod web_identity;

use clap::ValueEnum;
use datalab_core::report::{Failure, Kind};

pub(crate) use aws_profile::AwsProfile;
pub(crate) use naming::Naming;
pub(crate) use note::notes;
pub(crate) use section::Section;
pub(crate) use variables::{Opener, Variables};

use crate::issued::Issued;

/// A form, by the name that `-o` gives it; the aliases are the aws CLI's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Variables for sh, bash, zsh and fish: eval "$(...)"
    #[value(aliases = ["sh", "bash", "zsh"])]
    Env,
    /// Variables for fish: ... | source
    Fish,
    /// Lines NAME=value, for docker --env-file and the like
    #[value(alias = "env-no-export")]
    Dotenv,
    /// All that is known, as one JSON document
    Json,
    /// What an AWS SDK expects of its credential_process
    #[value(alias = "process")]
    CredentialProcess,
    /// A profile for ~/.aws/config that asks for keys when they are needed
    AwsProfile,
    /// A profile for ~/.aws/config whose SDK exchanges a token itself
    WebIdentity,
    /// An alias of mc, as a variable: eval "$(...)"
    Mc,
    /// A remote of rclone, as variables: eval "$(...)"
    Rclone,
    /// A configuration file for s3cmd -c
    S3cmd,
    /// A script that mounts the bucket: ... | sh -s FOLDER
    S3fsFuse,
    /// A secret of DuckDB, as SQL
    Duckdb,
    /// Arguments for boto3, s3fs, pandas, polars and pyarrow
    Python,
    /// Settings for aws.s3, paws and arrow in R
    R,
    /// A Secret for kubectl apply -f -
    K8sSecret,
    /// Values of Onyxia's charts for helm -f -
    HelmValues,
}

/// Writes credentials in a form, with a final newline.
///
/// # Errors
/// [`Kind::Usage`]: the form cannot carry a value or a name, or lacks one that it needs.
pub(crate) fn render(form: Form, issued: &Issued, naming: &Naming) -> Result<String, Failure> {
    refuse_control_characters(issued, naming)?;
    match form {
        Form::Env => env::render(issued, naming),
        Form::Fish => fish::render(issued, naming),
        Form::Dotenv => dotenv::render(issued, naming),
        Form::Json => json::render(issued),
        Form::CredentialProcess => credential_process::render(&issued.credentials),
        Form::AwsProfile => aws_profile::render(issued, naming),
        Form::WebIdentity => web_identity::render(issued, naming),
        Form::Mc => mc::render(issued, naming),
        Form::Rclone => rclone::render(issued, naming),
        Form::S3cmd => s3cmd::render(issued, naming),
        Form::S3fsFuse => s3fs_fuse::render(issued, naming),
        Form::Duckdb => duckdb::render(issued, naming),
        Form::Python => python::render(issued, naming),
        Form::R => r::render(issued, naming),
        Form::K8sSecret => k8s_secret::render(issued, naming),
        Form::HelmValues => helm_values::render(issued),
    }
}

/// Refuses what no form and no file can carry.
///
/// Keys and addresses travel in the headers of requests, which have no room for line ends and the
/// like: a key with one is a file read with one too many, and each form would break in its own way.
///
/// # Errors
/// [`Kind::Usage`], naming which it is.
pub(crate) fn refuse_control_characters(issued: &Issued, naming: &Naming) -> Result<(), Failure> {
    let credentials = &issued.credentials;
    let token = credentials.session_token.as_ref();
    let texts = [
        ("the access key id", Some(&credentials.access_key_id)),
        (
            "the secret access key",
            Some(credentials.secret_access_key.expose()),
        ),
        ("the session token", token.map(|token| token.expose())),
        ("the store's URL", Some(&issued.store.url)),
        ("the region", Some(&issued.store.region)),
        ("the bucket", issued.bucket.as_ref()),
        ("the prefix", issued.prefix.as_ref()),
        ("the profile's name", Some(&naming.profile)),
    ];
    for (what, text) in texts {
        if text.is_some_and(|text| text.chars().any(char::is_control)) {
            return Err(Failure::new(
                Kind::Usage,
                format!("{what} has a line end or another control character in it"),
            ));
        }
    }
    Ok(())
}
