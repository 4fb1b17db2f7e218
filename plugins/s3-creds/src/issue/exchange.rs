use datalab_core::{
    report::{Failure, Kind, printable},
    store::{KeyPlace, Sealer},
};
use jiff::Timestamp;

use super::{MARGIN, Ready, Terms, issued};
use crate::{
    bearer::{Bearer, Binding},
    cache::{CacheKind, Entry, Facts, Key, Shelf, Slot},
    cause,
    desk::Desk,
    issued::{Credentials, Origin},
    role::Offer,
    source::{self, Duration, Place, Source},
    span::in_words,
    sts::{self, Granted, StsError},
};

/// What came of it.
pub(super) enum Outcome {
    Ready(Box<Ready>),
    /// Another user has logged in while the token was fetched.
    SomebodyElse,
}

/// One question to a token service, with all that is known about who asks.
pub(super) struct Exchange<'a> {
    pub(super) place: &'a Place,
    pub(super) offer: &'a Offer,
    pub(super) sts_url: &'a str,
    pub(super) policy: Option<&'a str>,
    pub(super) bearer: &'a Bearer<'a>,
    pub(super) bound: Binding,
    pub(super) session_name: String,
    pub(super) source: &'a Source,
    pub(super) terms: &'a Terms,
    pub(super) desk: &'a Desk<'a>,
    pub(super) began: Timestamp,
}

impl Exchange<'_> {
    /// Keys that are kept, or new ones.
    pub(super) async fn ready(self) -> Result<Outcome, Failure> {
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
        let sealer = self.sealer(&shelf).await?;
        let granted = match self.granted(at_hand.as_ref()).await {
            Ok(Some(granted)) => granted,
            Ok(None) => return Ok(Outcome::SomebodyElse),
            Err(failure) => {
                if let Some(entry) = at_hand.filter(|entry| self.still_holds(entry, &failure)) {
                    self.desk.world.streams().talk(&format!(
                        "warning: the keys could not be renewed, and hold until {}: {}",
                        entry.expires,
                        printable(failure.problem())
                    ));
                    return self.kept(&entry, &shelf);
                }
                slot.refuse(&failure);
                return Err(failure);
            }
        };
        let (granted, seconds) = granted;
        let entry = self.entry(&granted, seconds, key, sealer.as_ref())?;
        self.put_away(&entry, &slot);
        Ok(self.handed_out(&entry, granted.credentials, false))
    }

    /// What seals new keys, if they are to be sealed.
    async fn sealer(&self, shelf: &Shelf<'_>) -> Result<Option<Sealer>, Failure> {
        if self.terms.cache != CacheKind::Keyring {
            return Ok(None);
        }
        let sealer = shelf.sealer().await?;
        match sealer.place() {
            KeyPlace::Keyring => Ok(Some(sealer)),
            KeyPlace::File => Err(Failure::new(Kind::Failed, "there is no keyring here")
                .state("no keys were asked for")
                .next("the same command with --no-cache")),
        }
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
        let flags = self.source.words();
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
                        token_kind: self.bearer.session().map(|_| self.source.token_kind),
                        login: self.place.login.as_ref(),
                        role_arn: self.offer.arn.as_deref(),
                        seconds,
                        server: self.place.server,
                        now: self.desk.world.now(),
                        name: self.desk.name,
                        oidc_login: &self.desk.oidc_login(),
                        flags: flags.as_deref(),
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
        sealer: Option<&Sealer>,
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
    fn put_away(&self, entry: &Entry, slot: &Slot<'_>) {
        let written = slot.fill(entry);
        if let Err(failure) = written {
            self.desk.world.streams().talk(&format!(
                "warning: the keys are not kept for the next call: {}",
                printable(failure.problem())
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
