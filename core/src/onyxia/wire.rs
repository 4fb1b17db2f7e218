//! The configuration as platforms of several ages write it. What is empty or null counts as not
//! there, and what nobody asks for is not read.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{ClaimPattern, Kubernetes, Login, Platform, Region, Role, S3, Sts, Vault};

/// Where Vault's login method is mounted unless the platform says otherwise.
const DEFAULT_AUTH_PATH: &str = "jwt";

#[derive(Deserialize)]
struct Configuration {
    regions: Vec<RegionWire>,
    #[serde(default, rename = "oidcConfiguration", deserialize_with = "or_default")]
    oidc: LoginWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RegionWire {
    #[serde(deserialize_with = "or_default")]
    id: String,
    #[serde(deserialize_with = "text")]
    name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    services: ServicesWire,
    #[serde(deserialize_with = "or_default")]
    data: DataWire,
    vault: Option<VaultWire>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServicesWire {
    #[serde(rename = "k8sPublicEndpoint", deserialize_with = "or_default")]
    kubernetes: KubernetesWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KubernetesWire {
    #[serde(rename = "URL", deserialize_with = "text")]
    url: Option<String>,
    #[serde(flatten)]
    login: Logins,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DataWire {
    #[serde(rename = "S3", deserialize_with = "one_or_many")]
    s3: Vec<S3Wire>,
}

/// Before version 8 the fields of `sts` stood in the entry itself.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct S3Wire {
    #[serde(rename = "URL", deserialize_with = "text")]
    url: Option<String>,
    #[serde(deserialize_with = "text")]
    region: Option<String>,
    path_style_access: Option<bool>,
    sts: Option<StsWire>,
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Option<String>,
    #[serde(rename = "roleARN", deserialize_with = "text")]
    role_arn: Option<String>,
    #[serde(deserialize_with = "text")]
    role_session_name: Option<String>,
    #[serde(deserialize_with = "number")]
    default_duration_seconds: Option<u64>,
    #[serde(flatten)]
    login: Logins,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StsWire {
    #[serde(rename = "URL", deserialize_with = "text")]
    url: Option<String>,
    #[serde(deserialize_with = "number")]
    duration_seconds: Option<u64>,
    #[serde(deserialize_with = "one_or_many")]
    role: Vec<RoleWire>,
    #[serde(flatten)]
    login: Logins,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RoleWire {
    #[serde(deserialize_with = "text")]
    profile_name: Option<String>,
    #[serde(rename = "roleARN", deserialize_with = "text")]
    arn: Option<String>,
    #[serde(rename = "roleSessionName", deserialize_with = "text")]
    session_name: Option<String>,
    #[serde(deserialize_with = "text")]
    claim_name: Option<String>,
    #[serde(deserialize_with = "text")]
    included_claim_pattern: Option<String>,
    #[serde(deserialize_with = "text")]
    excluded_claim_pattern: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VaultWire {
    #[serde(rename = "URL", deserialize_with = "text")]
    url: Option<String>,
    #[serde(deserialize_with = "text")]
    kv_engine: Option<String>,
    #[serde(deserialize_with = "text")]
    role: Option<String>,
    #[serde(deserialize_with = "text")]
    auth_path: Option<String>,
    #[serde(flatten)]
    login: Logins,
}

/// A service's own login, in the form of today and in that of before version 5.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Logins {
    #[serde(rename = "oidcConfiguration", deserialize_with = "or_default")]
    oidc: LoginWire,
    #[serde(rename = "keycloakParams", deserialize_with = "or_default")]
    keycloak: KeycloakWire,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct LoginWire {
    #[serde(rename = "issuerURI", deserialize_with = "text")]
    issuer: Option<String>,
    #[serde(rename = "clientID", deserialize_with = "text")]
    client_id: Option<String>,
    #[serde(deserialize_with = "text")]
    scope: Option<String>,
    #[serde(rename = "extraQueryParams", deserialize_with = "text")]
    extra_query_parameters: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct KeycloakWire {
    #[serde(rename = "URL", deserialize_with = "text")]
    url: Option<String>,
    #[serde(deserialize_with = "text")]
    realm: Option<String>,
    #[serde(rename = "clientId", deserialize_with = "text")]
    client_id: Option<String>,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        // Names may be maps of languages; people can live without.
        _ => None,
    })
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

fn one_or_many<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let items = match Value::deserialize(deserializer)? {
        Value::Null => Vec::new(),
        Value::Array(items) => items,
        one => vec![one],
    };
    items
        .into_iter()
        .filter(|item| !item.is_null())
        .map(|item| serde_json::from_value(item).map_err(serde::de::Error::custom))
        .collect()
}

pub(super) fn parse(json: &[u8]) -> Result<Platform, String> {
    let Configuration { regions, oidc } =
        serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let regions = regions
        .into_iter()
        .map(|region| region.read(&oidc))
        .collect();
    Ok(Platform {
        login: complete(LoginWire::default(), &oidc),
        regions,
    })
}

impl RegionWire {
    fn read(self, platform: &LoginWire) -> Region {
        let kubernetes = self.services.kubernetes;
        Region {
            id: self.id,
            name: self.name,
            kubernetes: kubernetes.url.map(|url| Kubernetes {
                url,
                login: kubernetes.login.read(platform),
            }),
            s3: self
                .data
                .s3
                .into_iter()
                .filter_map(|s3| s3.read(platform))
                .collect(),
            vault: self.vault.and_then(|vault| {
                Some(Vault {
                    url: vault.url?,
                    kv_engine: vault.kv_engine,
                    role: vault.role,
                    auth_path: vault
                        .auth_path
                        .unwrap_or_else(|| DEFAULT_AUTH_PATH.to_owned()),
                    login: vault.login.read(platform),
                })
            }),
        }
    }
}

impl S3Wire {
    fn read(self, platform: &LoginWire) -> Option<S3> {
        let url = self.url?;
        let sts = match (self.sts, self.kind) {
            (Some(sts), _) => Some(Sts {
                url: sts.url.unwrap_or_else(|| url.clone()),
                duration_seconds: sts.duration_seconds,
                roles: sts.role.into_iter().map(RoleWire::read).collect(),
                login: sts.login.read(platform),
            }),
            // Every store had one, of its type.
            (None, Some(_)) => Some(Sts {
                url: url.clone(),
                duration_seconds: self.default_duration_seconds,
                roles: vec![Role {
                    arn: self.role_arn,
                    session_name: self.role_session_name,
                    ..Role::default()
                }],
                login: self.login.read(platform),
            }),
            (None, None) => None,
        };
        Some(S3 {
            url,
            region: self.region,
            path_style: self.path_style_access.unwrap_or(true),
            sts,
        })
    }
}

impl RoleWire {
    fn read(self) -> Role {
        Role {
            profile_name: self.profile_name,
            arn: self.arn,
            session_name: self.session_name,
            claim: self.claim_name.map(|name| ClaimPattern {
                name,
                included: self.included_claim_pattern,
                excluded: self.excluded_claim_pattern,
            }),
        }
    }
}

impl Logins {
    fn read(self, platform: &LoginWire) -> Option<Login> {
        let Self { oidc, keycloak } = self;
        let issuer = match (keycloak.url, keycloak.realm) {
            (Some(url), Some(realm)) => {
                Some(format!("{}/realms/{realm}", url.trim_end_matches('/')))
            }
            _ => None,
        };
        let own = LoginWire {
            issuer: oidc.issuer.or(issuer),
            client_id: oidc.client_id.or(keycloak.client_id),
            ..oidc
        };
        complete(own, platform)
    }
}

/// A service that leaves something out means the platform's own.
fn complete(own: LoginWire, platform: &LoginWire) -> Option<Login> {
    let platform = platform.clone();
    // What a page of another issuer or client wants is not for this one.
    let scope = match own.client_id.is_some() || own.issuer.is_some() {
        true => own.scope,
        false => own.scope.or(platform.scope),
    };
    Some(Login {
        issuer: own.issuer.or(platform.issuer)?,
        client_id: own.client_id.or(platform.client_id)?,
        scopes: scope
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        extra_query_parameters: own
            .extra_query_parameters
            .or(platform.extra_query_parameters),
    })
}

#[cfg(test)]
mod tests;
