use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::{
    LoginOptions, Pending, Person, Record, Session, renewal::Renewed, secrets::Secrets,
    sessions::LOCK,
};
use crate::{
    oidc::Error,
    store::{Folder, Lock, LockError},
    words::Secret,
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

impl Obtained {
    pub(super) fn new(record: Record, secrets: &Secrets) -> Self {
        Self {
            record,
            id_token: secrets.id_token(),
        }
    }
}

/// What came of waiting for the session's lock.
enum Turn {
    /// It is ours.
    Mine(Lock),
    /// There is no need of it: another process got a token, or the one at hand is still good.
    Served(Box<Obtained>),
}

/// A server that refuses every token gets one new one in this time.
const FORCED_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Beyond the time that a person may take, for what is done before and after it.
pub(super) const SLACK: Duration = Duration::from_secs(30);

/// How long after each other a waiting process looks: a refresh takes some 20 ms.
const LOOK: Duration = Duration::from_millis(10);

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
                Ok(secrets) => return Ok(Obtained::new(record, &secrets)),
                // Looked at again under the lock, where something can be done about it.
                Err(Error::Seal(error)) if error.is_lost() => {}
                Err(error) => return Err(error),
            }
        }
        let folder = self.folder()?;
        let _lock = match self.turn(&folder, wanted, began, person).await? {
            Turn::Mine(lock) => lock,
            Turn::Served(obtained) => return Ok(*obtained),
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
        Ok(Obtained::new(record, &secrets))
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
        Ok(Obtained::new(record, &secrets))
    }

    /// Waits for the lock, as long as no token can be had without it.
    async fn turn(
        &self,
        folder: &Folder,
        wanted: &Wanted<'_>,
        began: Timestamp,
        person: &mut dyn Person,
    ) -> Result<Turn, Error> {
        let deadline = Instant::now() + wanted.login.limit + SLACK;
        let mut told: Option<Option<Pending>> = None;
        loop {
            let error = match folder.try_lock(LOCK) {
                Ok(lock) => return Ok(Turn::Mine(lock)),
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
                return Ok(Turn::Served(Box::new(Obtained::new(record, &secrets))));
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
