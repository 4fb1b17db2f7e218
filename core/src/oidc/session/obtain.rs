use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};

use super::{
    AudienceToken, LoginOptions, Pending, Person, Record, Session,
    record::Secrets,
    sessions::{LOCK, SESSION, remove_replies},
};
use crate::{
    http::Patience,
    oidc::Error,
    store::{Folder, Lock, LockError, Sealer},
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

/// After a refresh that failed, a good token is handed out for so long before the next attempt.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(10);

/// A server that refuses every token gets one new one in this time.
const FORCED_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Beyond the time that a person may take, for what is done before and after it.
const SLACK: Duration = Duration::from_secs(30);

/// How long after each other a waiting process looks: a refresh takes some 20 ms.
const LOOK: Duration = Duration::from_millis(10);

/// What is written beside the tokens, generously.
const GROWTH: usize = 8 << 10;

enum Renewed {
    Yes,
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
            Ok(Some(mut record)) => match self.opened(&record)? {
                None => Some("the key of the session is gone".to_owned()),
                Some((_, secrets))
                    if satisfied(&record, &wanted.force, began, self.world.now()) =>
                {
                    return Ok(obtained(record, &secrets));
                }
                Some((sealer, mut secrets)) => {
                    let renewed = self
                        .renew(&folder, &mut record, &mut secrets, &sealer, wanted, person)
                        .await?;
                    match renewed {
                        Renewed::Yes => return Ok(obtained(record, &secrets)),
                        Renewed::Ended(reason) => Some(reason),
                    }
                }
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

    /// A token of the session for one other service, by scopes that make the provider mean it.
    ///
    /// # Errors
    /// As [`obtain`](Self::obtain).
    pub async fn audience_token(
        &self,
        audience: &str,
        wanted: &Wanted<'_>,
        person: &mut dyn Person,
    ) -> Result<AudienceToken, Error> {
        // Nobody is asked to log in while the lock is held for this.
        self.obtain(wanted, person).await?;
        let folder = self.folder()?;
        let lock = folder.lock(LOCK, SLACK, |_| {}).await;
        let _lock = lock.map_err(|error| self.held(&folder, error))?;
        let Some(mut record) = self.read_in(&folder)? else {
            return Err(self.login_needed(Some("it was logged out meanwhile".to_owned())));
        };
        let Some((sealer, mut secrets)) = self.opened(&record)? else {
            return Err(self.login_needed(Some("the key of the session is gone".to_owned())));
        };
        if let Some(token) = secrets.audiences.get(audience)
            && token.is_fresh(self.world.now())
            && wanted.force == Force::No
        {
            return Ok(token.clone());
        }
        let Some(refresh_token) = secrets.refresh_token() else {
            return Err(self.login_needed(Some("the provider gave no refresh token".to_owned())));
        };
        let room = folder.reserve(SESSION, record.to_bytes().len() + GROWTH, self.world)?;
        let http = self.http()?;
        let mut client = self.client(&folder, &http).await?;
        let refreshed = client
            .refresh(&refresh_token, wanted.scopes, Patience::USUAL)
            .await?;
        secrets.rotate(refreshed.refresh_token.as_ref());
        let token =
            refreshed
                .tokens
                .and_then(|tokens| match tokens.claims.subject() == record.subject {
                    true => Ok(AudienceToken::new(&tokens)),
                    false => Err(Error::OtherAccount {
                        wanted: record.subject.clone(),
                        found: tokens.claims.subject().to_owned(),
                    }),
                });
        if let Ok(token) = &token {
            secrets.audiences.insert(audience.to_owned(), token.clone());
        }
        record.seal(&secrets, &sealer, self.world)?;
        room.commit(&record.to_bytes())?;
        token
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
            let pending = Pending::read(folder);
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

    fn held(&self, folder: &Folder, error: LockError) -> Error {
        match error {
            LockError::Held { by, .. } => Error::LoginElsewhere {
                issuer: self.identity.issuer.clone(),
                holder: by.holder,
                url: Pending::read(folder).map(|pending| pending.url),
            },
            error => error.into(),
        }
    }

    /// The session's secrets with their key; `None` when they are lost for good.
    fn opened(&self, record: &Record) -> Result<Option<(Sealer, Secrets)>, Error> {
        let opened = self.sealer(record).and_then(|sealer| {
            let secrets = record.open(&sealer)?;
            Ok((sealer, secrets))
        });
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(Error::Seal(error)) if error.is_lost() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Exchanges the session's token. What it brings is written before anybody uses it.
    async fn renew(
        &self,
        folder: &Folder,
        record: &mut Record,
        secrets: &mut Secrets,
        sealer: &Sealer,
        wanted: &Wanted<'_>,
        person: &mut dyn Person,
    ) -> Result<Renewed, Error> {
        let now = self.world.now();
        let valid = record.is_valid(now) && wanted.force != Force::Now;
        let just_failed = record
            .failed
            .is_some_and(|failed| now.duration_since(failed) < BACK_OFF);
        if valid && just_failed {
            return Ok(Renewed::Yes);
        }
        let Some(refresh_token) = secrets.refresh_token() else {
            let reason = "the provider gave no refresh token";
            return Ok(Renewed::Ended(reason.to_owned()));
        };
        let asked = self
            .asked(
                folder,
                record,
                secrets,
                sealer,
                &refresh_token,
                wanted,
                valid,
            )
            .await;
        match asked {
            Ok(()) => Ok(Renewed::Yes),
            Err(error) if error.ends_session() => {
                self.forget(folder, record)?;
                Ok(Renewed::Ended(error.to_string()))
            }
            Err(error) if valid && !matches!(error, Error::OtherAccount { .. }) => {
                person.note(&format!(
                    "the token could not be renewed, and holds until {}: {error}",
                    record.expires
                ));
                record.failed = Some(now);
                // Not worth failing for: the next one only asks a bit too early.
                let _ = folder.write(SESSION, &record.to_bytes(), self.world);
                Ok(Renewed::Yes)
            }
            Err(error) => Err(error),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of renew(), split off for its errors"
    )]
    async fn asked(
        &self,
        folder: &Folder,
        record: &mut Record,
        secrets: &mut Secrets,
        sealer: &Sealer,
        refresh_token: &Secret<String>,
        wanted: &Wanted<'_>,
        valid: bool,
    ) -> Result<(), Error> {
        let room = folder.reserve(SESSION, record.to_bytes().len() + GROWTH, self.world)?;
        let http = self.http()?;
        let mut client = self.client(folder, &http).await?;
        let patience = if valid {
            Patience::BRIEF
        } else {
            Patience::USUAL
        };
        let refreshed = client
            .refresh(refresh_token, &record.scopes, patience)
            .await?;
        secrets.rotate(refreshed.refresh_token.as_ref());
        let renewed = refreshed
            .tokens
            .and_then(|tokens| record.renew(secrets, &tokens, self.world.now()));
        if matches!(wanted.force, Force::Refused { .. }) && renewed.is_ok() {
            record.forced = Some(self.world.now());
        }
        // Also when the rest is of no use: the old refresh token may be used up.
        record.seal(secrets, sealer, self.world)?;
        room.commit(&record.to_bytes())?;
        if client.keys_changed() {
            self.keep_provider(folder, &client);
        }
        if wanted.force != Force::No && renewed.is_ok() {
            // They hold the token that somebody wants to be rid of.
            remove_replies(record)?;
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
