use std::path::PathBuf;

use datalab_core::{
    http,
    oidc::Record,
    report::{Failure, Kind, printable},
    store::{KeyPlace, Sealer},
    words::Secret,
};
use jiff::Timestamp;

use super::{MARGIN, Ready, Terms, issued};
use crate::{
    bearer::{Bearer, Binding},
    cache::{CacheKind, Entry, Facts, Key, Shelf, Slot, Turn},
    cause,
    desk::Desk,
    issued::{Credentials, Origin},
    role::Offer,
    source::{self, Duration, Place, Source, absolute},
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
    pub(super) async fn ready(mut self) -> Result<Outcome, Failure> {
        let key = self.key();
        let shelf = match self.terms.cache {
            CacheKind::None => None,
            CacheKind::File | CacheKind::Keyring => match self.desk.cache_folder() {
                Ok(folder) => Some(Shelf::new(folder, self.desk.world)),
                Err(failure) => {
                    self.not_kept(&failure);
                    None
                }
            },
        };
        if let Some(shelf) = &shelf
            && let Some(entry) = shelf.read(&key).filter(|entry| self.is_good(entry))
            && let Some(ready) = self.kept(&entry, shelf)?
        {
            return Ok(ready);
        }
        // Before the slot: a login takes a person's time, and has a queue of its own.
        let token = match self.token().await {
            Ok(Some(token)) => token,
            Ok(None) => return Ok(Outcome::SomebodyElse),
            Err(failure) => return self.fall_back(failure, shelf.as_ref(), &key),
        };
        let turn = match &shelf {
            Some(shelf) => Some(shelf.slot(&key, self.began).await?),
            None => None,
        };
        let (Some(shelf), Some(Turn::Mine(slot))) = (&shelf, &turn) else {
            if let Some(Turn::Unusable(failure)) = &turn {
                self.not_kept(failure);
            }
            let (granted, seconds) = self.granted(&token, None).await?;
            let entry = self.entry(&granted, seconds, key, None).await?;
            return Ok(self.handed_out(&entry, granted.credentials, false));
        };
        let at_hand = shelf.read(&key);
        if let Some(entry) = at_hand.as_ref().filter(|entry| self.is_good(entry))
            && let Some(ready) = self.kept(entry, shelf)?
        {
            return Ok(ready);
        }
        let sealer = self.sealer(shelf).await?;
        let (granted, seconds) = match self.granted(&token, at_hand.as_ref()).await {
            Ok(granted) => granted,
            Err(failure) => {
                slot.refuse(&failure);
                return self.fall_back(failure, Some(shelf), &key);
            }
        };
        let entry = self.entry(&granted, seconds, key, sealer.as_ref()).await?;
        self.put_away(&entry, slot);
        Ok(self.handed_out(&entry, granted.credentials, false))
    }

    /// The token for the service; `None` when somebody else has logged in by now.
    async fn token(&mut self) -> Result<Option<Secret<String>>, Failure> {
        let token = self.bearer.token().await?;
        let bound = self.bearer.binding(&self.bearer.claims().await?)?;
        if (&bound.subject, bound.logged_in) != (&self.bound.subject, self.bound.logged_in) {
            return Ok(None);
        }
        self.bound = bound;
        Ok(Some(token))
    }

    /// Keys at hand are better than none, when new ones cannot be had for a reason that may pass.
    fn fall_back(
        &self,
        failure: Failure,
        shelf: Option<&Shelf<'_>>,
        key: &Key,
    ) -> Result<Outcome, Failure> {
        let Some(shelf) = shelf else {
            return Err(failure);
        };
        let entry = shelf.read(key);
        let Some(entry) = entry.filter(|entry| self.still_holds(entry, &failure)) else {
            return Err(failure);
        };
        let Some(ready) = self.kept(&entry, shelf)? else {
            return Err(failure);
        };
        self.desk.world.streams().talk(&format!(
            "warning: the keys could not be renewed, and hold until {}: {}",
            entry.expires,
            printable(failure.problem())
        ));
        Ok(ready)
    }

    fn not_kept(&self, failure: &Failure) {
        self.desk.world.streams().talk(&format!(
            "warning: the keys are not kept for the next call: {}",
            printable(failure.problem())
        ));
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

    /// Kept keys; `None` when what sealed them is gone, so that they have to be had again.
    fn kept(&self, entry: &Entry, shelf: &Shelf<'_>) -> Result<Option<Outcome>, Failure> {
        match entry.credentials(shelf.folder()) {
            Ok(credentials) => Ok(Some(self.handed_out(entry, credentials, true))),
            Err(error) if error.is_lost() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the token service.
    async fn granted(
        &self,
        token: &Secret<String>,
        at_hand: Option<&Entry>,
    ) -> Result<(Granted, u64), Failure> {
        let authorities = self.desk.place_authorities(self.source, self.place);
        let client = self.desk.http(&authorities, self.sts_url)?;
        let flags = self.source.words();
        let worked = at_hand.map(|entry| entry.asked_seconds);
        let attempts = source::attempts(self.source.duration, self.place.seconds, worked);
        let mut attempts = attempts.into_iter().peekable();
        while let Some(seconds) = attempts.next() {
            let request = sts::Request {
                url: self.sts_url,
                token,
                role_arn: self.offer.arn.as_deref(),
                session_name: &self.session_name,
                seconds,
                policy: self.policy,
            };
            match sts::exchange(&request, &client).await {
                Ok(granted) => return Ok((granted, seconds)),
                Err(StsError::Refused(refusal))
                    if attempts.peek().is_some() && cause::is_duration(&refusal, seconds) => {}
                Err(error) => {
                    let scene = cause::Scene {
                        sts_url: self.sts_url,
                        store_url: &self.place.store.url,
                        token,
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
        // There is always a last attempt, which returns.
        Err(Failure::new(Kind::Failed, "there was nothing to ask for"))
    }

    /// The authorities that programs need to trust the store, beside the system's. Those of its
    /// issuer are handed on only if the store needs them: AWS' SDKs trust nobody else then.
    async fn ca_file(&self) -> Result<Option<PathBuf>, Failure> {
        if let Some(file) = &self.source.ca_file {
            return Ok(Some(absolute(file)));
        }
        let known = self.desk.place_authorities(self.source, self.place);
        let Some(file) = known.first() else {
            return Ok(None);
        };
        let url = &self.place.store.url;
        let client = self.desk.http(&[], url)?;
        let answer = client.send(http::get(url)?).await;
        let is_needed = matches!(answer, Err(http::Error::Certificate { .. }));
        Ok(is_needed.then(|| absolute(file)))
    }

    async fn entry(
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
            ca_file: self.ca_file().await?,
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
        if let Err(failure) = slot.fill(entry) {
            self.not_kept(&failure);
            return;
        }
        let Some(session) = self.bearer.session() else {
            return;
        };
        if let Some(record) = self.own_record() {
            let _ = session.keep_reply(&record.token_id, &slot.path(), &entry.to_bytes());
        }
    }

    /// The login that the keys are of, unless somebody else has logged in meanwhile.
    fn own_record(&self) -> Option<Record> {
        let record = self.bearer.session()?.read().ok()??;
        let is_own =
            record.subject == self.bound.subject && Some(record.logged_in) == self.bound.logged_in;
        is_own.then_some(record)
    }

    fn handed_out(&self, entry: &Entry, credentials: Credentials, was_kept: bool) -> Outcome {
        // Programs compare it with this machine's clock.
        let credentials = Credentials {
            expiration: Some(entry.expires),
            ..credentials
        };
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
        Outcome::Ready(Box::new(Ready {
            issued: issued(self.place, server, credentials, Some(origin), self.source),
            profile: self.offer.profile.clone(),
            fresh_until: Some(entry.fresh_until(self.terms.margin)),
            expires: Some(entry.expires),
            login: self
                .own_record()
                .map(|record| (record.identity, record.token_id)),
            ca_file: entry.ca_file.clone(),
            platform: self.place.platform.clone(),
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
