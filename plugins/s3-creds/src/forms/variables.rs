use std::path::PathBuf;

use datalab_core::report::Failure;

use super::Naming;
use crate::issued::{Issued, Server};

/// What another way to credentials, or to another store, may have left in the environment: most
/// tools would believe it before, or beside, what is set here.
const STALE: [&str; 15] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    // s3cmd asks for these first, s3fs-fuse for the third.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWSSESSIONTOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    // Of another endpoint of its SDK's: the platform's own, in a pod, or one of ours that is gone.
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    // Of another store, for tools that know no other name for it.
    "AWS_ENDPOINT_URL",
    "S3_ENDPOINT_URL",
];

/// The environment of a program that uses the credentials.
#[derive(Debug)]
pub(crate) struct Variables {
    /// In the order in which they are written.
    pub(crate) set: Vec<(&'static str, String)>,
    /// Those that may not be there.
    pub(crate) unset: Vec<&'static str>,
}

impl Variables {
    /// The variables that AWS SDKs and their like read.
    ///
    /// # Errors
    /// [`Kind::Usage`](datalab_core::report::Kind::Usage): the path of the authorities is no text.
    pub(crate) fn of(issued: &Issued, naming: &Naming) -> Result<Self, Failure> {
        let credentials = &issued.credentials;
        let mut set = vec![
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
            (
                "AWS_SECRET_ACCESS_KEY",
                credentials.secret_access_key.expose().clone(),
            ),
        ];
        let mut unset = STALE.to_vec();
        let mut either = |name, value: Option<String>| match value {
            Some(value) => set.push((name, value)),
            None => unset.push(name),
        };
        let token = credentials.session_token.as_ref();
        either(
            "AWS_SESSION_TOKEN",
            token.map(|token| token.expose().clone()),
        );
        either(
            "AWS_CREDENTIAL_EXPIRATION",
            issued.credentials.expiration_text(),
        );
        set.extend(of_store(issued, naming)?);
        Ok(Self { set, unset })
    }

    /// The same for a program that asks an endpoint of its SDK for keys, at this address.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub(crate) fn of_endpoint(
        issued: &Issued,
        naming: &Naming,
        address: String,
        opener: Opener,
    ) -> Result<Self, Failure> {
        let opener = match opener {
            Opener::Token(token) => ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token),
            Opener::File(file) => (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                file.to_string_lossy().into_owned(),
            ),
        };
        let mut set = vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", address),
            opener,
            // SDKs look into the user's profiles before they ask the endpoint.
            ("AWS_SHARED_CREDENTIALS_FILE", NO_PROFILES.to_owned()),
            ("AWS_CONFIG_FILE", NO_PROFILES.to_owned()),
        ];
        set.extend(of_store(issued, naming)?);
        let mut unset = STALE.to_vec();
        unset.extend(KEYS);
        unset.retain(|name| set.iter().all(|(other, _)| other != name));
        Ok(Self { set, unset })
    }
}

/// What opens an endpoint.
#[derive(Debug)]
pub(crate) enum Opener {
    /// The token itself.
    Token(String),
    /// A file that holds it.
    File(PathBuf),
}

fn of_store(issued: &Issued, naming: &Naming) -> Result<Vec<(&'static str, String)>, Failure> {
    let store = &issued.store;
    let mut set = vec![
        ("AWS_REGION", store.region.clone()),
        ("AWS_DEFAULT_REGION", store.region.clone()),
        ("AWS_ENDPOINT_URL_S3", store.url.clone()),
        // R's aws.s3 and the images of the platform; host and port.
        ("AWS_S3_ENDPOINT", store.authority().to_owned()),
    ];
    if issued.server != Server::Aws {
        set.extend(CHECKSUMS.map(|(name, value)| (name, value.to_owned())));
    }
    if let Some(file) = naming.ca_file()? {
        set.push(("AWS_CA_BUNDLE", file.to_owned()));
    }
    Ok(set)
}

/// Keys, in the environment.
const KEYS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
];

/// A file that SDKs read as one without profiles.
const NO_PROFILES: &str = if cfg!(windows) { "NUL" } else { "/dev/null" };

/// SDKs since 2025 add checksums that stores other than AWS may refuse (boto3#4392).
pub(super) const CHECKSUMS: [(&str, &str); 2] = [
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required"),
];
