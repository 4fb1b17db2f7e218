use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::{
    LoginOptions, Pending, Person, Record, Session,
    record::{Failed, Secrets},
    sessions::{LOCK, SESSION, remove_replies},
};
use crate::{
    http::Patience,
    oidc::Error,
    store::{Folder, Lock, LockError, Sealer},
    words::Secret,
    world::World,
};

/// Whether a token that is good by its own word is still to be exchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Force {
    /// No.
    No,
    /// A server has refused this one.
    Refused {
        /// Which one: [`Record::token_id`].
        token_id: String,
    },
    /// The user wants it.
    Now,
}

/// What is asked of a session.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Scopes without which the token is of no use.
    pub scopes: &'a [String],
    /// Whether the token at hand is to be exchanged.
    pub force: Force,
    /// How to log in, if that is needed.
    pub login: &'a LoginOptions,
}

/// A session and its token.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The session.
    pub record: Record,
    /// The ID token.
    pub id_token: Secret<String>,
}

/// After a refresh that failed, a good token is handed out for so long before the next attempt.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(10);

/// A server that refuses every token gets one new one in this time.
const FORCED_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Beyond the time that a person may take, for what is done before and after it.
pub(super) const SLACK: Duration = Duration::from_secs(30);

/// How long after each other a waiting process looks: a refresh takes some 20 ms.
const LOOK: Duration = Duration::from_millis(10);

/// What is written beside the tokens, generously.
const GROWTH: usize = 8 << 10;

/// A session with its secrets laid open, and what seals them again.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) record: Record,
    pub(super) secrets: Secrets,
    sealer: Sealer,
}

impl Open {
    /// What its file is to hold.
    pub(super) fn sealed(&mut self, world: &World) -> Result<Vec<u8>, Error> {
        self.record.seal(&self.secrets, &self.sealer, world)?;
        Ok(self.record.to_bytes())
    }

    /// The room that its file takes once more is in it.
    pub(super) fn length(&self) -> usize {
        self.record.to_bytes().len() + GROWTH
    }
}

impl From<Open> for Obtained {
    fn from(open: Open) -> Self {
        obtained(open.record, &open.secrets)
    }
}

enum Renewed {
    Yes(Box<Open>),
    /// The provider has ended the session, or its secrets are gone.
    Ended(String),
}

impl Session<'_> {
    /// A token of the session that holds: the one at hand, or a new one. One process asks the
    /// provider, or a person; all others wait for it, or use what is still good.
    ///
    /// # Errors
    /// [`Error`]. A session ends only by the provider's word; anything else leaves it as it was.
    pub async fn obtain(
        &self,
        wanted: &Wanted<'_>,
        person: &mut dyn Person,
    ) -> Result<Obtained, Error> {
        let began = self.world.now();
        if let Some(record) = self.readable(self.read(), wanted)?
            && wanted.force == Force::No
            && record.is_fresh(began)
            && record.covers(wanted.scopes)
        {
            match self.secrets(&record) {
                Ok(secrets) => return Ok(obtained(record, &secrets)),
                // Looked at again under the lock, where something can be done about it.
                Err(Error::Seal(error)) if error.is_lost() => {}
                Err(error) => return Err(error),
            }
        }
        let folder = self.folder()?;
        let _lock = match self.locked(&folder, wanted, began, person).await? {
            Ok(lock) => lock,
            Err(still_good) => return Ok(still_good),
        };
        folder.sweep()?;
        let at_hand = self.read_in(&folder);
        let reason = match at_hand {
            Err(error @ Error::Session { .. }) if wanted.login.deliberate => {
                Some(error.to_string())
            }
            Err(error) => return Err(error),
            Ok(None) => None,
            Ok(Some(record)) if !record.covers(wanted.scopes) => {
                Some("more is asked for than at the last login".to_owned())
            }
            Ok(Some(record)) => match self.opened(record)? {
                None => Some("the key of the session is gone".to_owned()),
                Some(open) if satisfied(&open.record, &wanted.force, began, self.world.now()) => {
                    return Ok(open.into());
                }
                Some(open) => match self.renew(&folder, open, wanted, began, person).await? {
                    Renewed::Yes(open) => return Ok((*open).into()),
                    Renewed::Ended(reason) => Some(reason),
                },
            },
        };
        if let Some(reason) = &reason {
            person.note(&format!("a new login is needed: {reason}"));
        }
        let (record, secrets) = self.log_in(&folder, wanted.login, began, person).await?;
        Ok(obtained(record, &secrets))
    }

    /// A new login, whatever is there.
    ///
    /// # Errors
    /// As [`obtain`](Self::obtain); what was there stays until the login is done.
    pub async fn log_in_anew(
        &self,
        wanted: &Wanted<'_>,
        person: &mut dyn Person,
    ) -> Result<Obtained, Error> {
        let began = self.world.now();
        let folder = self.folder()?;
        let lock = folder.lock(LOCK, SLACK, |_| {}).await;
        let _lock = lock.map_err(|error| self.held(&folder, error))?;
        folder.sweep()?;
        let (record, secrets) = self.log_in(&folder, wanted.login, began, person).await?;
        Ok(obtained(record, &secrets))
    }

    /// The lock; or a token, because another process that had it got one, or because the one at
    /// hand is still good while it asks.
    async fn locked(
        &self,
        folder: &Folder,
        wanted: &Wanted<'_>,
        began: Timestamp,
        person: &mut dyn Person,
    ) -> Result<Result<Lock, Obtained>, Error> {
        let deadline = Instant::now() + wanted.login.limit + SLACK;
        let mut told: Option<Option<Pending>> = None;
        loop {
            let error = match folder.try_lock(LOCK) {
                Ok(lock) => return Ok(Ok(lock)),
                Err(error) => error,
            };
            let LockError::Held { by, .. } = error else {
                return Err(error.into());
            };
            let now = self.world.now();
            if let Some(record) = self.readable(self.read_in(folder), wanted)?
                && record.covers(wanted.scopes)
                && (satisfied(&record, &wanted.force, began, now)
                    || (wanted.force == Force::No && record.is_valid(now)))
                && let Ok(secrets) = self.secrets(&record)
            {
                return Ok(Err(obtained(record, &secrets)));
            }
            if Instant::now() >= deadline {
                return Err(self.held(folder, error));
            }
            let pending = Pending::read_now(folder, self.world);
            if told.as_ref() != Some(&pending) {
                person.waiting(pending.as_ref(), by.holder);
                told = Some(pending);
            }
            sleep(LOOK).await;
        }
    }

    /// A session's file that is none of ours stands in nobody's way who has come to log in.
    fn readable(
        &self,
        read: Result<Option<Record>, Error>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Record>, Error> {
        match read {
            Err(Error::Session { .. }) if wanted.login.deliberate => Ok(None),
            read => read,
        }
    }

    pub(super) fn held(&self, folder: &Folder, error: LockError) -> Error {
        match (&error, Pending::read_now(folder, self.world)) {
            (LockError::Held { by, .. }, Some(pending)) => Error::LoginElsewhere {
                issuer: self.identity.issuer.clone(),
                holder: by.holder,
                url: Some(pending.url),
            },
            _ => error.into(),
        }
    }

    /// The session with its secrets; `None` when they are lost for good.
    pub(super) fn opened(&self, record: Record) -> Result<Option<Open>, Error> {
        let opened = self.sealer(&record).and_then(|sealer| {
            let secrets = record.open(&sealer)?;
            Ok((sealer, secrets))
        });
        match opened {
            Ok((sealer, secrets)) => Ok(Some(Open {
                record,
                secrets,
                sealer,
            })),
            Err(Error::Seal(error)) if error.is_lost() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Exchanges the session's token; while it is good, trouble that passes is only noted.
    async fn renew(
        &self,
        folder: &Folder,
        mut open: Open,
        wanted: &Wanted<'_>,
        began: Timestamp,
        person: &mut dyn Person,
    ) -> Result<Renewed, Error> {
        let now = self.world.now();
        let valid = open.record.is_valid(now) && wanted.force != Force::Now;
        let failed = open.record.failed.as_ref();
        if let Some(failed) = failed.filter(|failed| now.duration_since(failed.at) < BACK_OFF) {
            if valid {
                return Ok(Renewed::Yes(Box::new(open)));
            }
            // Who waited for it, and a kubectl that asks five times, need not see for themselves.
            let parent = self.world.parent();
            if failed.at >= began || (parent.is_some() && failed.parent == parent) {
                return Err(Error::JustFailed {
                    issuer: self.identity.issuer.clone(),
                    reason: failed.reason.clone(),
                });
            }
        }
        let Some(refresh_token) = open.secrets.refresh_token() else {
            let reason = "the provider gave no refresh token";
            return Ok(Renewed::Ended(reason.to_owned()));
        };
        let patience = match valid {
            true => {
                let left = open.record.stated_expiry().duration_since(now);
                // Whoever waits for it still needs it afterwards.
                let half = Duration::try_from(left / 2).unwrap_or_default();
                Patience {
                    longest_answer: Patience::BRIEF.longest_answer.min(half),
                    ..Patience::BRIEF
                }
            }
            false => Patience::USUAL,
        };
        let exchanged = self
            .exchange(folder, &mut open, &refresh_token, &wanted.force, patience)
            .await;
        match exchanged {
            Ok(()) => Ok(Renewed::Yes(Box::new(open))),
            Err(error) if error.ends_session() => {
                self.forget(folder, &open.record)?;
                Ok(Renewed::Ended(error.to_string()))
            }
            // A token that ran out meanwhile is nobody's.
            Err(error)
                if valid
                    && open.record.is_valid(self.world.now())
                    && !matches!(error, Error::OtherAccount { .. }) =>
            {
                person.note(&format!(
                    "the token could not be renewed, and holds until {}: {error}",
                    open.record.expires
                ));
                self.note_failure(folder, &mut open.record, &error);
                Ok(Renewed::Yes(Box::new(open)))
            }
            // Who has come to log in is not held up by a session that is of no use any more.
            Err(error)
                if wanted.login.deliberate && wanted.force == Force::No && !error.may_pass() =>
            {
                Ok(Renewed::Ended(error.to_string()))
            }
            Err(error) => {
                if error.may_pass() {
                    self.note_failure(folder, &mut open.record, &error);
                }
                Err(error)
            }
        }
    }

    /// Remembers that the provider could not be asked.
    fn note_failure(&self, folder: &Folder, record: &mut Record, error: &Error) {
        record.failed = Some(Failed {
            at: self.world.now(),
            reason: error.to_string(),
            parent: self.world.parent(),
        });
        // Not worth failing for: the next one only asks a bit too early.
        let _ = folder.write(SESSION, &record.to_bytes(), self.world);
    }

    /// Trades the refresh token. What it brings is written before anybody uses it.
    async fn exchange(
        &self,
        folder: &Folder,
        open: &mut Open,
        refresh_token: &Secret<String>,
        force: &Force,
        patience: Patience,
    ) -> Result<(), Error> {
        let room = folder.reserve(SESSION, open.length(), self.world)?;
        let http = self.http()?;
        let mut client = self.client(folder, &http).await?;
        let scopes = &open.record.scopes;
        // From here to the file: a provider that rotates has used the old token up.
        let _to_the_end = self.world.defer_interrupts();
        let refreshed = client.refresh(refresh_token, scopes, patience).await?;
        let Open {
            record, secrets, ..
        } = open;
        secrets.rotate(refreshed.refresh_token.as_ref());
        let now = self.world.now();
        let renewed = refreshed
            .tokens
            .and_then(|tokens| record.renew(secrets, &tokens, now));
        if matches!(force, Force::Refused { .. }) && renewed.is_ok() {
            record.forced = Some(now);
        }
        if *force == Force::Now {
            // Groups have changed: those of other services' tokens as well.
            secrets.audiences.clear();
        }
        // Also when the rest is of no use: the old refresh token may be used up.
        room.commit(&open.sealed(self.world)?)?;
        if client.keys_changed() {
            self.keep_provider(folder, &client);
        }
        if *force != Force::No && renewed.is_ok() {
            // They hold the token that somebody wants to be rid of.
            remove_replies(&open.record);
        }
        renewed
    }
}

fn satisfied(record: &Record, force: &Force, began: Timestamp, now: Timestamp) -> bool {
    match force {
        Force::No => record.is_fresh(now),
        Force::Refused { token_id } => {
            let just_forced = record
                .forced
                .is_some_and(|forced| now.duration_since(forced) < FORCED_AGAIN);
            record.is_fresh(now) && (record.token_id != *token_id || just_forced)
        }
        Force::Now => record.refreshed >= began,
    }
}

fn obtained(record: Record, secrets: &Secrets) -> Obtained {
    Obtained {
        record,
        id_token: secrets.id_token(),
    }
}
