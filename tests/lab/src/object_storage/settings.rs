//! What the store can be told.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::platform::PlatformForm;
use crate::identity_provider::IdentityProvider;
use crate::loopback::Transport;

/// The account in the ARNs of AWS and SeaweedFS.
const ACCOUNT: &str = "000000000000";

/// How it starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// How it is reached.
    pub transport: Transport,
    /// What can be changed later.
    pub settings: Settings,
}

/// Whose words the store speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// MinIO and its forks: rights by a claim, or by a role that stands for a client.
    Minio,
    /// Ceph RGW 16: roles, errors without a word, no namespace.
    Ceph,
    /// AWS, and VersityGW which copies it: roles.
    Aws,
    /// RustFS 1.0: rights by a claim, roles ignored.
    Rustfs,
    /// SeaweedFS: roles, or rights by a claim.
    Seaweedfs,
}

/// Whose tokens are exchanged.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The claim `iss`, and where discovery begins.
    pub issuer: String,
    /// What `aud`, or `azp` where the dialect looks at it, has to hold.
    pub client_ids: Vec<String>,
    /// Where its keys come from.
    pub keys: Keys,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum Keys {
    /// From the issuer, by https, trusting the certificates in this file.
    Fetched(PathBuf),
    /// This JSON Web Key Set, without asking.
    Given(Value),
}

/// A role that can be taken on.
#[derive(Clone, Debug)]
pub struct Role {
    /// What it may do: a policy in AWS's language.
    pub policy: Value,
    /// The longest life of its credentials.
    pub longest_seconds: u64,
    /// Its trust condition is met.
    pub trusts: bool,
}

/// Keys that were given once and for all, to a user of this name.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The user's name, `${aws:username}` in policies.
    pub user: String,
    /// The secret access key.
    pub secret: String,
    /// What it may do.
    pub policy: Value,
}

/// What the store does; tests change it at any time.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose words it speaks.
    pub dialect: Dialect,
    /// Whose tokens it exchanges.
    pub trust: Trust,
    /// Roles by ARN; see [`Dialect::role`].
    pub roles: BTreeMap<String, Role>,
    /// Policies by name, for the dialects that look at a claim.
    pub policies: BTreeMap<String, Value>,
    /// The claim that names policies.
    pub policy_claim: String,
    /// Keys that were given once and for all, by access key.
    pub access_keys: BTreeMap<String, AccessKey>,
    /// The region that requests have to be signed for; any, where there is none.
    pub region: Option<String>,
    /// Audiences besides the client id that RustFS puts up with.
    pub other_audiences: Vec<String>,
    /// MinIO since 2025-09-06: a role that it does not know is no error where a claim can decide.
    pub ignores_unknown_roles: bool,
    /// MinIO before 2023-11-20: credentials end with the token.
    pub cuts_to_token: bool,
    /// MinIO: a policy's condition refuses (403) what is longer.
    pub longest_seconds_by_policy: Option<u64>,
    /// Ceph before Squid: looks at the first published key only, were it for encryption.
    pub reads_first_key_only: bool,
    /// Credentials live so long, whatever was asked for.
    pub lifetime_of_credentials_seconds: Option<u64>,
    /// What it is ahead of this machine's clock, in the Date header and everywhere else.
    pub clock_ahead_seconds: i64,
    /// It has come up, its identity provider included.
    pub is_ready: bool,
    /// Answers hold elements that no client knows.
    pub adds_unknown_elements: bool,
    /// The platform's regions and roles, as it tells them.
    pub platform: PlatformForm,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Minio,
        Self::Ceph,
        Self::Aws,
        Self::Rustfs,
        Self::Seaweedfs,
    ];

    /// The ARN of a role of this name, as its servers write them.
    #[must_use]
    pub fn role(self, name: &str) -> String {
        match self {
            Self::Minio => format!("arn:minio:iam:::role/{name}"),
            Self::Ceph => format!("arn:aws:iam:::role/{name}"),
            Self::Aws | Self::Rustfs | Self::Seaweedfs => {
                format!("arn:aws:iam::{ACCOUNT}:role/{name}")
            }
        }
    }

    /// A role without which nothing is given.
    #[must_use]
    pub fn needs_role(self) -> bool {
        matches!(self, Self::Ceph | Self::Aws)
    }
}

impl Trust {
    /// In the tokens of a provider of ours that are for this client; its keys are fetched.
    #[must_use]
    pub fn of(provider: &IdentityProvider, client_id: &str) -> Self {
        Self {
            issuer: provider.issuer(),
            client_ids: vec![client_id.to_owned()],
            keys: Keys::Fetched(provider.authority()),
        }
    }
}

impl Options {
    /// A store by https of this dialect, with a role for users (`datalab`), one for long jobs (`long`,
    /// 12 h), one whose condition is not met (`untrusted`), one without rights (`powerless`), and the
    /// policies `stsonly` (a user's own buckets) and `powerless`.
    #[must_use]
    pub fn new(dialect: Dialect, trust: Trust) -> Self {
        Self {
            transport: Transport::Https,
            settings: Settings::new(dialect, trust),
        }
    }
}

impl Settings {
    fn new(dialect: Dialect, trust: Trust) -> Self {
        let role = |policy: &Value, longest_seconds, trusts| Role {
            policy: policy.clone(),
            longest_seconds,
            trusts,
        };
        let (own, none) = (own_buckets(), json!({"Statement": []}));
        let roles = [
            ("datalab", role(&own, 3600, true)),
            ("long", role(&own, 43_200, true)),
            ("untrusted", role(&own, 3600, false)),
            ("powerless", role(&none, 3600, true)),
        ];
        let policies = [("stsonly", own), ("powerless", none)];
        Self {
            dialect,
            trust,
            roles: roles
                .map(|(name, role)| (dialect.role(name), role))
                .into_iter()
                .collect(),
            policies: policies
                .map(|(name, policy)| (name.to_owned(), policy))
                .into_iter()
                .collect(),
            policy_claim: match dialect {
                Dialect::Rustfs => "groups",
                _ => "policy",
            }
            .to_owned(),
            access_keys: BTreeMap::new(),
            region: None,
            other_audiences: vec!["account".to_owned()],
            ignores_unknown_roles: false,
            cuts_to_token: false,
            longest_seconds_by_policy: None,
            reads_first_key_only: false,
            lifetime_of_credentials_seconds: None,
            clock_ahead_seconds: 0,
            is_ready: true,
            adds_unknown_elements: false,
            platform: PlatformForm::default(),
        }
    }
}

/// Everything in the buckets `NAME` and `NAME-…` of whoever asks.
fn own_buckets() -> Value {
    let name = "${jwt:preferred_username}";
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["s3:*"],
            "Resource": [
                format!("arn:aws:s3:::{name}"), format!("arn:aws:s3:::{name}/*"),
                format!("arn:aws:s3:::{name}-*"),
            ],
        }],
    })
}
