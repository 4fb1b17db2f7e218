use datalab_core::{
    report::{Failure, Kind, printable},
    store::{KeyPlace, Sealer},
    words::Secret,
};
use jiff::Timestamp;

use super::{Ready, Terms};
use crate::{
    bearer::{Bearer, Binding},
    cache::{CacheKind, Entry, Key, Shelf, Slot, Turn},
    desk::Desk,
    role::Offer,
    source::{Duration, Place, Source},
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

impl<'a> Exchange<'a> {
    /// Keys that are kept, or new ones.
    pub(super) async fn ready(mut self) -> Result<Outcome, Failure> {
        let key = self.key();
        let shelf = self.shelf();
        if let Some(shelf) = &shelf
            && let Some(ready) = self.at_hand(shelf, shelf.read(&key).as_ref())?
        {
            return Ok(ready);
        }
        // Before the slot: a login takes a person's time, and has a queue of its own.
        let token = match self.token().await {
            Ok(Some(token)) => token,
            Ok(None) => return Ok(Outcome::SomebodyElse),
            Err(failure) => return self.fall_back(failure, shelf.as_ref(), &key),
        };
        let Some(shelf) = &shelf else {
            return self.unkept(&token, key).await;
        };
        match shelf.slot(&key, self.began).await? {
            Turn::Mine(slot) => self.in_turn(&token, key, shelf, &slot).await,
            Turn::Unusable(failure) => {
                self.not_kept(&failure);
                self.unkept(&token, key).await
            }
        }
    }

    /// Where keys are kept, if they are to be, and can be.
    fn shelf(&self) -> Option<Shelf<'a>> {
        if self.terms.cache == CacheKind::None {
            return None;
        }
        match self.desk.cache_folder() {
            Ok(folder) => Some(Shelf::new(folder, self.desk.world)),
            Err(failure) => {
                self.not_kept(&failure);
                None
            }
        }
    }

    /// Keys for one question, while nobody else asks it: those that somebody else got meanwhile, or
    /// new ones.
    async fn in_turn(
        &self,
        token: &Secret<String>,
        key: Key,
        shelf: &Shelf<'_>,
        slot: &Slot<'_>,
    ) -> Result<Outcome, Failure> {
        let kept = shelf.read(&key);
        if let Some(ready) = self.at_hand(shelf, kept.as_ref())? {
            return Ok(ready);
        }
        let sealer = self.sealer(shelf).await?;
        let (granted, seconds) = match self.granted(token, kept.as_ref()).await {
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

    /// New keys, which are kept nowhere.
    async fn unkept(&self, token: &Secret<String>, key: Key) -> Result<Outcome, Failure> {
        let (granted, seconds) = self.granted(token, None).await?;
        let entry = self.entry(&granted, seconds, key, None).await?;
        Ok(self.handed_out(&entry, granted.credentials, false))
    }

    /// Kept keys, if they need no thought.
    fn at_hand(&self, shelf: &Shelf<'_>, kept: Option<&Entry>) -> Result<Option<Outcome>, Failure> {
        match kept.filter(|entry| self.is_good(entry)) {
            Some(entry) => self.kept(entry, shelf),
            None => Ok(None),
        }
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

    pub(super) fn not_kept(&self, failure: &Failure) {
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
}
