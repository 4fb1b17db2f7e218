use super::{Error, NoRegion, wire};

/// What an Onyxia tells everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Where its own pages log in; `None` where everybody may do everything.
    pub login: Option<Login>,
    /// The regions: sets of services.
    pub regions: Vec<Region>,
}

/// Where a person logs in for a service: a public client of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The issuer's URL.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// Scopes, where the service wants its own.
    pub scopes: Vec<String>,
    /// What is added to the query of the login page, as in `kc_idp_hint=agency`.
    pub extra_query_parameters: Option<String>,
}

/// A set of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: Option<String>,
    /// The Kubernetes API that users may speak to themselves.
    pub kubernetes: Option<Kubernetes>,
    /// Object storage.
    pub s3: Vec<S3>,
    /// Secrets.
    pub vault: Option<Vault>,
}

/// A Kubernetes API that users may speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The API server's URL. Its certificate authorities are not told.
    pub url: String,
    /// Where users log in for it.
    pub login: Option<Login>,
}

/// Object storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// The endpoint's URL.
    pub url: String,
    /// The region's name, where it matters.
    pub region: Option<String>,
    /// Whether the bucket stands in the path, not in the host's name.
    pub path_style: bool,
    /// Where temporary credentials come from; `None` where there are none.
    pub sts: Option<Sts>,
}

/// Temporary credentials for object storage.
///
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sts {
    /// The endpoint's URL.
    pub url: String,
    /// How long credentials are to live, in seconds.
    pub duration_seconds: Option<u64>,
    /// The roles to choose from; one without any field where none needs to be named.
    pub roles: Vec<Role>,
    /// Where users log in for it.
    pub login: Option<Login>,
}

/// A role that credentials can be had for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// What the platform calls it; may hold `$1` and so on, from the claim.
    pub profile_name: Option<String>,
    /// The role's ARN; may hold `$1` and so on.
    pub arn: Option<String>,
    /// The session's name; may hold `$1` and so on.
    pub session_name: Option<String>,
    /// The claim that decides who may have it, once for each of the claim's values that fit.
    pub claim: Option<ClaimPattern>,
}

/// Which values of a claim count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPattern {
    /// The claim's name.
    pub name: String,
    /// The regular expression of values that count.
    pub included: Option<String>,
    /// The regular expression of values that do not.
    pub excluded: Option<String>,
}

/// A store of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The server's URL.
    pub url: String,
    /// The mount of the key-value engine.
    pub kv_engine: Option<String>,
    /// The role to log in with.
    pub role: Option<String>,
    /// The mount of the login method.
    pub auth_path: String,
    /// Where users log in for it.
    pub login: Option<Login>,
}

impl Platform {
    /// Reads the configuration, as JSON.
    ///
    /// # Errors
    /// [`Error::NotAPlatform`]: it is something else. `url` is for the error only.
    pub fn parse(json: &[u8], url: &str) -> Result<Self, Error> {
        wire::parse(json).map_err(|reason| Error::NotAPlatform {
            url: url.to_owned(),
            reason,
        })
    }

    /// The region of that id; without one, the only region there is.
    ///
    /// # Errors
    /// [`NoRegion`], with the ids there are.
    pub fn region(&self, id: Option<&str>) -> Result<&Region, NoRegion> {
        let no = |wanted: Option<&str>| NoRegion {
            wanted: wanted.map(str::to_owned),
            known: self
                .regions
                .iter()
                .map(|region| region.id.clone())
                .collect(),
        };
        match (id, self.regions.as_slice()) {
            (None, [region]) => Ok(region),
            (None, _) => Err(no(None)),
            (Some(id), regions) => regions
                .iter()
                .find(|region| region.id == id)
                .ok_or_else(|| no(Some(id))),
        }
    }
}
