use datalab_core::report::Failure;

use super::Naming;
use crate::issued::{Issued, Server};

/// What another way to credentials, or to another store, may have left in the environment: most
/// tools would believe it before, or beside, what is set here.
const STALE: [&str; 9] = [
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
];

/// The environment of a program that uses the credentials.
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
        let store = &issued.store;
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
        set.push(("AWS_REGION", store.region.clone()));
        set.push(("AWS_DEFAULT_REGION", store.region.clone()));
        set.push(("AWS_ENDPOINT_URL_S3", store.url.clone()));
        // R's aws.s3 and the images of the platform; host and port.
        set.push(("AWS_S3_ENDPOINT", store.authority().to_owned()));
        if issued.server != Server::Aws {
            set.extend(CHECKSUMS.map(|(name, value)| (name, value.to_owned())));
        }
        if let Some(file) = naming.ca_file()? {
            set.push(("AWS_CA_BUNDLE", file.to_owned()));
        }
        Ok(Self { set, unset })
    }
}

/// SDKs since 2025 add checksums that stores other than AWS may refuse (boto3#4392).
pub(super) const CHECKSUMS: [(&str, &str); 2] = [
    ("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"),
    ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required"),
];
