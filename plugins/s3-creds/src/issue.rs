//! Keys for a store: those at hand, or new ones. Every verb that hands keys out goes through here.

use datalab_core::{
    oidc::Identity,
    report::{Failure, Kind},
    store::KeyPlace,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    bearer::{Bearer, Binding, HowToLogIn},
    cache::{CacheKind, Entry, Facts, Key, Shelf},
    cause,
    desk::Desk,
    issued::{Credentials, Issued, Origin, Server},
    policy,
    role::{self, Offer},
    source::{self, Duration, Place, Source, places},
    static_keys,
    sts::{self, Granted, StsError},
    trust,
};

/// SDKs ask again at every request when less is left: botocore does from 15 minutes on.
pub(crate) const MARGIN: SignedDuration = SignedDuration::from_mins(15);

/// How keys are handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) cache: CacheKind,
    /// How much of their life keys have left at least, if the server can give such.
    pub(crate) margin: SignedDuration,
    pub(crate) how: HowToLogIn,
    /// Whether those at hand are not good enough.
    pub(crate) anew: bool,
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

enum Outcome {
    Ready(Box<Ready>),
    /// Another user has logged in while the token was fetched.
    SomebodyElse,
}

/// One question to a token service, with all that is known about who asks.
struct Exchange<'a> {
    place: &'a Place,
    offer: &'a Offer,
    sts_url: &'a str,
    policy: Option<&'a str>,
    bearer: &'a Bearer<'a>,
    bound: Binding,
    session_name: String,
    source: &'a Source,
    terms: &'a Terms,
    desk: &'a Desk<'a>,
    began: Timestamp,
}

impl Exchange<'_> {
    async fn ready(self) -> Result<Outcome, Failure> {
        let key = self.key();
        let shelf = match self.terms.cache {
            CacheKind::None => None,
            CacheKind::File | CacheKind::Keyring => self
                .desk
                .cache_folder()
                .map(|folder| Shelf::new(folder, self.desk.world)),
        };
        let Some(shelf) = shelf else {
            let granted = self.granted(None).await?;
            return match granted {
                Some((granted, seconds)) => {
                    let entry = self.entry(&granted, seconds, key, None)?;
                    Ok(self.handed_out(&entry, granted.credentials, false))
                }
                None => Ok(Outcome::SomebodyElse),
            };
        };
        if let Some(entry) = self.good(&shelf, &key) {
            return self.kept(&entry, &shelf);
        }
        let slot = shelf.slot(&key, self.began).await?;
        let at_hand = shelf.read(&key);
        if let Some(entry) = at_hand.as_ref().filter(|entry| self.is_good(entry)) {
            return self.kept(entry, &shelf);
        }
        let granted = match self.granted(at_hand.as_ref()).await {
            Ok(Some(granted)) => granted,
            Ok(None) => return Ok(Outcome::SomebodyElse),
            Err(failure) => {
                if let Some(entry) = at_hand.filter(|entry| self.still_holds(entry, &failure)) {
                    self.desk.world.streams().talk(&format!(
                        "warning: the keys could not be renewed, and hold until {}: {}",
                        entry.expires,
                        datalab_core::report::printable(failure.problem())
                    ));
                    return self.kept(&entry, &shelf);
                }
                slot.refuse(&failure);
                return Err(failure);
            }
        };
        let (granted, seconds) = granted;
        let sealer = match self.terms.cache {
            CacheKind::Keyring => {
                let sealer = shelf.sealer().await?;
                if sealer.place() == KeyPlace::File {
                    return Err(Failure::new(Kind::Failed, "there is no keyring here")
                        .state("the keys were given, and are not kept")
                        .next("the same command with --no-cache"));
                }
                Some(sealer)
            }
            _ => None,
        };
        let entry = self.entry(&granted, seconds, key, sealer.as_ref())?;
        self.put_away(&entry, &slot);
        Ok(self.handed_out(&entry, granted.credentials, false))
    }

    fn key(&self) -> Key {
        let duration = match (self.source.duration, self.place.seconds) {
            (Some(Duration::Max), _) => "max".to_owned(),
            (Some(Duration::Exactly(seconds)), _) | (None, Some(seconds)) => seconds.to_string(),
            (None, None) => String::new(),
        };
        Key {
            sts_url: self.sts_url.to_owned(),
            role_arn: self.offer.arn.clone(),
            session_name: self.session_name.clone(),
            duration,
            policy: self.policy.map(str::to_owned),
            bearer: self.bearer.key(),
        }
    }

    fn good(&self, shelf: &Shelf<'_>, key: &Key) -> Option<Entry> {
        shelf.read(key).filter(|entry| self.is_good(entry))
    }

    /// Whether keys at hand need no thought: for the same user, as the identity provider described
    /// them, and with enough of their life left.
    fn is_good(&self, entry: &Entry) -> bool {
        let now = self.desk.world.now();
        let anew = self.terms.anew && entry.obtained < self.began;
        !anew
            && entry.bound == self.bound
            && entry.obtained <= now
            && now < entry.fresh_until(self.terms.margin)
            && (self.terms.cache == CacheKind::Keyring) == entry.key_place().is_some()
    }

    /// Whether keys at hand are better than none, now that new ones cannot be had for a reason that
    /// may pass.
    fn still_holds(&self, entry: &Entry, failure: &Failure) -> bool {
        failure.kind() == Kind::Unreachable
            && !self.terms.anew
            && entry.bound == self.bound
            && self.desk.world.now() < entry.expires
    }

    fn kept(&self, entry: &Entry, shelf: &Shelf<'_>) -> Result<Outcome, Failure> {
        let credentials = entry.credentials(shelf.folder())?;
        Ok(self.handed_out(entry, credentials, true))
    }

    /// Asks the token service; `None` when the token is another user's by now.
    async fn granted(&self, at_hand: Option<&Entry>) -> Result<Option<(Granted, u64)>, Failure> {
        let token = self.bearer.token().await?;
        if self.bearer.binding(&self.bearer.claims().await?)?.subject != self.bound.subject {
            return Ok(None);
        }
        let client = self.desk.http(self.source, self.sts_url)?;
        let worked = at_hand.map(|entry| entry.asked_seconds);
        let attempts = source::attempts(self.source.duration, self.place.seconds, worked);
        let mut attempts = attempts.into_iter().peekable();
        while let Some(seconds) = attempts.next() {
            let request = sts::Request {
                url: self.sts_url,
                token: &token,
                role_arn: self.offer.arn.as_deref(),
                session_name: &self.session_name,
                seconds,
                policy: self.policy,
            };
            match sts::exchange(&request, &client).await {
                Ok(granted) => return Ok(Some((granted, seconds))),
                Err(StsError::Refused(refusal))
                    if attempts.peek().is_some() && cause::is_duration(&refusal, seconds) => {}
                Err(error) => {
                    let scene = cause::Scene {
                        sts_url: self.sts_url,
                        store_url: &self.place.store.url,
                        token: &token,
                        token_kind: self.source.token_kind,
                        login: self.place.login.as_ref(),
                        role_arn: self.offer.arn.as_deref(),
                        seconds,
                        server: self.place.server,
                        now: self.desk.world.now(),
                        name: self.desk.name,
                        oidc_login: &self.desk.oidc_login(),
                    };
                    return Err(scene.explain(&error));
                }
            }
        }
        Ok(None)
    }

    fn entry(
        &self,
        granted: &Granted,
        asked_seconds: u64,
        key: Key,
        sealer: Option<&datalab_core::store::Sealer>,
    ) -> Result<Entry, Failure> {
        let expiration = granted.credentials.expiration.unwrap_or(granted.received);
        let facts = Facts {
            key,
            store_url: self.place.store.url.clone(),
            profile: self.offer.profile.clone(),
            server: granted.server,
            bound: self.bound.clone(),
            obtained: granted.received,
            expires: expiration - granted.skew,
            asked_seconds,
        };
        Ok(Entry::new(
            &granted.credentials,
            facts,
            sealer,
            self.desk.world,
        )?)
    }

    /// Keeps keys where a logout finds them, if that is possible; without that they are had again.
    fn put_away(&self, entry: &Entry, slot: &crate::cache::Slot<'_>) {
        let written = slot.fill(entry);
        if let Err(failure) = written {
            self.desk.world.streams().talk(&format!(
                "warning: the keys are not kept for the next call: {}",
                datalab_core::report::printable(failure.problem())
            ));
            return;
        }
        let Some(session) = self.bearer.session() else {
            return;
        };
        if let Ok(Some(record)) = session.read() {
            let _ = session.keep_reply(&record.token_id, &slot.path(), &entry.to_bytes());
        }
    }

    fn handed_out(&self, entry: &Entry, credentials: Credentials, was_kept: bool) -> Outcome {
        let origin = Origin {
            sts_url: self.sts_url.to_owned(),
            issuer: self.bound.issuer.clone(),
            subject: self.bound.subject.clone(),
            username: self.bound.username.clone(),
            role_arn: self.offer.arn.clone(),
            session_name: self.session_name.clone(),
            asked_seconds: entry.asked_seconds,
        };
        let server = self.place.server.unwrap_or(entry.server);
        let record = self
            .bearer
            .session()
            .and_then(|session| session.read().ok()?);
        Outcome::Ready(Box::new(Ready {
            issued: issued(self.place, server, credentials, Some(origin), self.source),
            profile: self.offer.profile.clone(),
            fresh_until: Some(entry.fresh_until(self.terms.margin)),
            expires: Some(entry.expires),
            login: record.map(|record| (record.identity, record.token_id)),
            notes: match was_kept {
                true => Vec::new(),
                false => self.notes(entry),
            },
        }))
    }

    /// What is odd about new keys.
    fn notes(&self, entry: &Entry) -> Vec<String> {
        let life = u64::try_from(entry.lifetime().as_secs()).unwrap_or(0);
        let wanted = match self.source.duration {
            Some(Duration::Exactly(seconds)) => Some(seconds),
            Some(Duration::Max) => None,
            None => self.place.seconds,
        };
        let mut notes = Vec::new();
        if let Some(wanted) = wanted
            && life.abs_diff(wanted) > wanted / 10
        {
            notes.push(format!(
                "asked for keys that live {}, given such that live {}",
                in_words(wanted),
                in_words(life)
            ));
        }
        // A moment passes between the two clocks.
        if life + 60 < MARGIN.as_secs().unsigned_abs() {
            notes.push(format!(
                "these keys live {}; SDKs ask for new ones at every request in their last 15 minutes: an \
                 older MinIO cuts them to the token's life, which Keycloak's access token lifespan sets",
                in_words(life)
            ));
        }
        notes
    }
}

/// A span as people say it.
pub(crate) fn in_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        7200..172_800 => format!("{} h", (seconds + 1800) / 3600),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}
