//! A platform's public configuration, as an Onyxia tells it.

use serde_json::{Value, json};

use super::Reply;
use super::settings::Dialect;
use super::state::State;

/// What the platform tells.
#[derive(Clone, Debug)]
pub enum PlatformForm {
    /// One region, one store with these roles (profile's name and ARN), in the form of chart 11.
    Now {
        /// The client that users log in to for the store; the platform's own where there is none.
        client_id: Option<String>,
        /// Profile and role ARN; both empty where none needs to be named.
        roles: Vec<(String, String)>,
    },
    /// The same store as platforms before version 8 write it, with one role at most.
    Older {
        /// The role's ARN.
        role_arn: Option<String>,
    },
    /// What a test says.
    Given(Value),
}

impl Default for PlatformForm {
    fn default() -> Self {
        Self::Now {
            client_id: None,
            roles: vec![(String::new(), String::new())],
        }
    }
}

/// The platform's own client.
const CLIENT: &str = "onyxia";

pub(super) fn answer(state: &State) -> Reply {
    let settings = &state.settings;
    let url = &state.url;
    let issuer = &settings.trust.issuer;
    let region = settings.region.as_deref().unwrap_or("us-east-1");
    // More than AWS and Ceph give, as Onyxia's own default is; MinIO has a week for it.
    let seconds = match settings.dialect {
        Dialect::Minio | Dialect::Rustfs => 604_800,
        _ => 3600,
    };
    let s3 = match &settings.platform {
        PlatformForm::Given(document) => return Reply::json(200, document),
        PlatformForm::Now { client_id, roles } => {
            let roles: Vec<Value> = roles
                .iter()
                .map(|(profile, arn)| json!({"profileName": profile, "roleARN": arn, "roleSessionName": ""}))
                .collect();
            let login = client_id.as_ref().map(|id| json!({"clientID": id}));
            json!([{
                "URL": url, "pathStyleAccess": true, "region": region,
                "sts": {"URL": url, "durationSeconds": seconds, "role": roles, "oidcConfiguration": login},
            }])
        }
        PlatformForm::Older { role_arn } => json!({
            "URL": url, "region": region, "type": "minio", "pathStyleAccess": true,
            "roleARN": role_arn, "roleSessionName": role_arn.as_ref().map(|_| "onyxia"),
            "defaultDurationSeconds": seconds,
        }),
    };
    Reply::json(
        200,
        &json!({
            "regions": [{"id": "datalab", "name": "Data lab", "services": {}, "data": {"S3": s3}}],
            "oidcConfiguration": {"issuerURI": issuer, "clientID": CLIENT},
        }),
    )
}
