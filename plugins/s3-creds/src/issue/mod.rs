//! Keys for a store: those at hand, or new ones. Every verb that hands keys out goes through here.

mod asking;
mod exchange;
mod handing;

use std::path::PathBuf;

use datalab_core::{
    oidc::Identity,
    report::{Failure, Kind},
};
use jiff::{SignedDuration, Timestamp};

use self::exchange::{Exchange, Outcome};
use crate::{
    bearer::{Bearer, HowToLogIn},
    cache::CacheKind,
    desk::Desk,
    issued::{Credentials, Issued, Origin, Server},
    policy,
    role::{self, Offer},
    source::{Place, Source, absolute, places},
    static_keys, trust,
};

/// SDKs ask again at every request when less is left: botocore does from 15 minutes on.
pub(crate) const MARGIN: SignedDuration = SignedDuration::from_mins(15);

/// How keys are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) cache: CacheKind,
    /// How much of their life keys have left at least, if the server can give such.
    pub(crate) margin: SignedDuration,
    pub(crate) how: HowToLogIn,
    /// Whether those at hand are not good enough.
    pub(crate) anew: bool,
}

impl Terms {
    /// Flags that say the same of where keys are kept, and how long they have to live.
    pub(crate) fn words(&self) -> Vec<String> {
        let cache = match self.cache {
            CacheKind::File => None,
            CacheKind::Keyring => Some("--cache=keyring".to_owned()),
            CacheKind::None => Some("--no-cache".to_owned()),
        };
        let margin =
            (self.margin != MARGIN).then(|| format!("--min-ttl={}s", self.margin.as_secs()));
        cache.into_iter().chain(margin).collect()
    }
}

/// Keys that can be handed out.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) issued: Issued,
    /// The platform's name for the role.
    pub(crate) profile: Option<String>,
    /// Until when they can be handed out again, by this machine's clock; `None` for keys without end.
    pub(crate) fresh_until: Option<Timestamp>,
    /// Until when they hold, by this machine's clock.
    pub(crate) expires: Option<Timestamp>,
    /// The login that they are of, and which of its tokens was at hand; `None` without a login.
    pub(crate) login: Option<(Identity, String)>,
    /// The authorities that programs need to trust the store.
    pub(crate) ca_file: Option<PathBuf>,
    /// Where the platform that told all this has its configuration.
    pub(crate) platform: Option<String>,
    /// What a person ought to know.
    pub(crate) notes: Vec<String>,
}

/// A role at a store.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) place: Place,
    pub(crate) offer: Offer,
}

/// Keys for the store that is meant.
pub(crate) async fn issue(
    source: &Source,
    terms: &Terms,
    desk: &Desk<'_>,
) -> Result<Ready, Failure> {
    let began = desk.world.now();
    let candidates = candidates(source, terms.how, desk).await?;
    let Candidate { place, offer } = choose(candidates, source, desk)?;
    let Some(sts_url) = place.sts_url.clone() else {
        return static_keys(&place, source, desk);
    };
    trust::ensure(&place, source, desk).await?;
    let bearer = Bearer::choose(source, place.login.as_ref(), terms.how, desk)?;
    let policy = session_policy(source)?;
    let mut claims = bearer.claims().await?;
    // Once more when somebody else has logged in meanwhile.
    for _ in 0..2 {
        let exchange = Exchange {
            place: &place,
            offer: &offer,
            sts_url: &sts_url,
            policy: policy.as_deref(),
            bearer: &bearer,
            bound: bearer.binding(&claims)?,
            session_name: session_name(source, &offer, claims.username())?,
            source,
            terms,
            desk,
            began,
        };
        match exchange.ready().await? {
            Outcome::Ready(ready) => return Ok(*ready),
            Outcome::SomebodyElse => claims = bearer.claims().await?,
        }
    }
    Err(Failure::new(
        Kind::Conflict,
        "logins change faster than keys can be asked for",
    )
    .state("no keys were given"))
}

/// All roles at all stores that may be meant, as the user may have them.
pub(crate) async fn candidates(
    source: &Source,
    how: HowToLogIn,
    desk: &Desk<'_>,
) -> Result<Vec<Candidate>, Failure> {
    let mut candidates = Vec::new();
    for place in places(source, desk).await? {
        let claims = match role::need_claims(&place.roles) {
            false => None,
            true => {
                trust::ensure(&place, source, desk).await?;
                let bearer = Bearer::choose(source, place.login.as_ref(), how, desk)?;
                Some(bearer.claims().await?)
            }
        };
        for offer in role::offers(&place.roles, claims.as_ref())? {
            let place = place.clone();
            candidates.push(Candidate { place, offer });
        }
    }
    Ok(candidates)
}

/// The one that is meant.
pub(crate) fn choose(
    mut candidates: Vec<Candidate>,
    source: &Source,
    desk: &Desk<'_>,
) -> Result<Candidate, Failure> {
    const UNTOUCHED: &str = "nothing was asked for";
    let names = |candidates: &[Candidate]| {
        let names = candidates
            .iter()
            .filter_map(|candidate| candidate.offer.profile.clone());
        names.collect::<Vec<_>>()
    };
    if let (Some(profile), None) = (&source.profile, &source.role_arn) {
        let known = names(&candidates);
        candidates.retain(|candidate| candidate.offer.profile.as_ref() == Some(profile));
        if candidates.is_empty() {
            let failure = Failure::new(
                Kind::NotFound,
                format!("the platform has no profile {profile} for you"),
            );
            let failure = match known.is_empty() {
                true => failure.detail("it names no profiles at all"),
                false => failure.detail(format!("it has {}", known.join(", "))),
            };
            return Err(failure
                .state(UNTOUCHED)
                .next(format!("{} profiles", desk.name)));
        }
    }
    let several = || {
        let failure = Failure::new(Kind::NotFound, "several profiles could be meant");
        failure.state(UNTOUCHED)
    };
    match candidates.len() {
        1 => Ok(candidates.swap_remove(0)),
        0 => Err(Failure::new(
            Kind::Refused,
            "the platform has no role for you: none of your token's claims fits",
        )
        .state(UNTOUCHED)
        .next(format!("{} whoami", desk.name))),
        _ if source.profile.is_some() => Err(several().detail(
            "two stores of the platform have a profile of that name: --endpoint URL says which",
        )),
        _ => Err(names(&candidates)
            .iter()
            .fold(several(), |failure, name| failure.detail(name.clone()))
            .next("the same command with --profile NAME")),
    }
}

fn session_name(source: &Source, offer: &Offer, username: &str) -> Result<String, Failure> {
    if let Some(name) = &source.session_name {
        role::check_session_name(name)?;
        return Ok(name.clone());
    }
    let name = offer
        .session_name
        .as_deref()
        .filter(|name| !name.is_empty());
    Ok(role::session_name(name.unwrap_or(username)))
}

/// The policy that narrows what the keys may, if they are to be narrowed.
fn session_policy(source: &Source) -> Result<Option<String>, Failure> {
    match &source.policy {
        Some(file) => policy::read(&datalab_core::world::read_text(file)?).map(Some),
        None => source.extent.policy(),
    }
}

fn static_keys(place: &Place, source: &Source, desk: &Desk<'_>) -> Result<Ready, Failure> {
    let credentials = static_keys::read(source.keys.as_deref(), desk)?;
    Ok(Ready {
        issued: issued(place, Server::Static, credentials, None, source),
        profile: source.profile.clone(),
        fresh_until: None,
        expires: None,
        login: None,
        ca_file: source.ca_file.as_deref().map(absolute),
        platform: place.platform.clone(),
        notes: Vec::new(),
    })
}

fn issued(
    place: &Place,
    server: Server,
    credentials: Credentials,
    origin: Option<Origin>,
    source: &Source,
) -> Issued {
    Issued {
        credentials,
        store: place.store.clone(),
        server,
        origin,
        bucket: source.extent.bucket.clone(),
        prefix: source.extent.prefix.clone(),
    }
}
