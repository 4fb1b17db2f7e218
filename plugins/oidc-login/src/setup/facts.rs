//! What is known of platform, issuer, client and server before anything is checked.

use datalab_core::{
    http::{Client, Options},
    oidc::{Audience, Registration},
    onyxia::{self, Platform, Region},
    report::{Failure, Kind},
    world::World,
};

use super::SetupRequest;
use crate::desk::USER_AGENT;

/// Issuer, client, server, and what belongs to them; what is not told is empty.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) server: Option<String>,
    /// Beside `openid`.
    pub(super) scopes: Vec<String>,
    pub(super) audiences: Vec<Audience>,
    /// How the client is registered.
    pub(super) registration: Registration,
    /// Where the platform tells its configuration.
    pub(super) platform: Option<String>,
    /// What the platform has and we do not take over, a line each.
    pub(super) notes: Vec<String>,
}

impl Facts {
    pub(super) async fn gather(world: &World, request: &SetupRequest) -> Result<Self, Failure> {
        let mut facts = match &request.source.onyxia {
            Some(address) => Self::of_platform(world, request, address).await?,
            None => Self::default(),
        };
        let source = &request.source;
        let given = |word: &Option<String>| word.clone().filter(|word| !word.trim().is_empty());
        facts.issuer = given(&source.issuer).or(facts.issuer);
        facts.client_id = given(&source.client_id).or(facts.client_id);
        facts.server = given(&source.server).or(facts.server);
        for scope in &request.scopes {
            if scope != "openid" && !facts.scopes.contains(scope) {
                facts.scopes.push(scope.clone());
            }
        }
        facts.registration.learn(&request.registration);
        for audience in &request.audiences {
            facts.audiences.retain(|known| known.name != audience.name);
            facts.audiences.push(audience.clone());
        }
        Ok(facts)
    }

    async fn of_platform(
        world: &World,
        request: &SetupRequest,
        address: &str,
    ) -> Result<Self, Failure> {
        let options = Options {
            user_agent: USER_AGENT.to_owned(),
            // One authority signs for the platform's pages and for its issuer, more often than not.
            authority_files: request.issuer_ca.clone().into_iter().collect(),
            ..Options::default()
        };
        const UNTOUCHED: &str = "nothing was written";
        let client = Client::new(&options, world)?;
        let platform = Platform::fetch(&client, address)
            .await
            .map_err(|error| error.failure("--issuer-ca").state(UNTOUCHED))?;
        let region = platform
            .region(request.source.region.as_deref())
            .map_err(|error| error.failure("--region").state(UNTOUCHED))?;
        let mut facts = Self::of_region(region);
        facts.platform = Some(onyxia::configuration_url(address));
        Ok(facts)
    }

    fn of_region(region: &Region) -> Self {
        let mut facts = Self::default();
        let Some(kubernetes) = &region.kubernetes else {
            facts.notes.push(format!(
                "region {} of the platform tells no address of an API server for its users",
                region.id
            ));
            return facts;
        };
        facts.server = Some(kubernetes.url.clone());
        let Some(login) = &kubernetes.login else {
            facts.notes.push(format!(
                "region {} of the platform does not tell where its users log in",
                region.id
            ));
            return facts;
        };
        facts.issuer = Some(login.issuer.clone());
        facts.client_id = Some(login.client_id.clone());
        facts.scopes = login
            .scopes
            .iter()
            .filter(|scope| *scope != "openid")
            .cloned()
            .collect();
        if let Some(parameters) = &login.extra_query_parameters {
            facts.registration.add_login_query(parameters);
        }
        let s3 = region
            .s3
            .iter()
            .find_map(|s3| s3.sts.as_ref()?.login.as_ref());
        let vault = region.vault.as_ref().and_then(|vault| vault.login.as_ref());
        for (name, other) in [("s3", s3), ("vault", vault)] {
            let Some(other) = other else { continue };
            if other.issuer != login.issuer {
                facts.notes.push(format!(
                    "{name} of the platform is logged in to at another issuer, {}: left out",
                    other.issuer
                ));
                continue;
            }
            facts.audiences.push(audience(name, other, login));
        }
        facts
    }
}

/// A client of its own, else the scope that it has beyond those of the API server.
fn audience(name: &str, other: &onyxia::Login, kubernetes: &onyxia::Login) -> Audience {
    let own_scope = other
        .scopes
        .iter()
        .find(|scope| *scope != "openid" && !kubernetes.scopes.contains(scope));
    let same_client = other.client_id == kubernetes.client_id;
    Audience {
        name: name.to_owned(),
        scope: own_scope.filter(|_| same_client).cloned(),
        client_id: (!same_client || own_scope.is_none()).then(|| other.client_id.clone()),
    }
}

/// Names the flags for what is still not known.
pub(super) fn missing(facts: &Facts, wanted: &[(&str, bool)]) -> Option<Failure> {
    let flags: Vec<_> = wanted
        .iter()
        .filter(|(_, is_there)| !is_there)
        .map(|(flag, _)| *flag)
        .collect();
    if flags.is_empty() {
        return None;
    }
    let mut failure = Failure::new(
        Kind::Usage,
        format!(
            "not enough is known: {} {}",
            flags.join(", "),
            match flags.len() {
                1 => "is missing",
                _ => "are missing",
            }
        ),
    );
    for note in &facts.notes {
        failure = failure.detail(note.clone());
    }
    if facts.platform.is_none() {
        failure = failure.detail("--onyxia URL asks the platform for issuer, client and server");
    }
    Some(failure.state("nothing was written"))
}
