use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    Force, Obtained, Person, Record, Session, Wanted, record::Failed, reply::remove_replies,
    secrets::Secrets, sessions::SESSION,
};
use crate::{
    http::Patience,
    oidc::{Error, Tokens},
    store::{Folder, Sealer},
    words::Secret,
    world::World,
};

/// After a refresh that failed, a good token is handed out for so long before the next attempt.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(10);

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
    fn sealed(&mut self, world: &World) -> Result<Vec<u8>, Error> {
        self.record.seal(&self.secrets, &self.sealer, world)?;
        Ok(self.record.to_bytes())
    }

    /// The room that its file takes once more is in it.
    fn length(&self) -> usize {
        self.record.to_bytes().len() + GROWTH
    }
}

impl From<Open> for Obtained {
    fn from(open: Open) -> Self {
        Self::new(open.record, &open.secrets)
    }
}

/// What came of exchanging a token.
pub(super) enum Renewed {
    Yes(Box<Open>),
    /// The provider has ended the session, or its secrets are gone.
    Ended(String),
}

impl Session<'_> {
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
    pub(super) async fn renew(
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
            if valid {
                return Ok(Renewed::Yes(Box::new(open)));
            }
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
            // It may renew what other services get; who logs in again is helped.
            Err(error @ Error::NoIdToken) if wanted.force != Force::Now => {
                Ok(Renewed::Ended(error.to_string()))
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

    /// Exchanges the session's own token.
    async fn exchange(
        &self,
        folder: &Folder,
        open: &mut Open,
        refresh_token: &Secret<String>,
        force: &Force,
        patience: Patience,
    ) -> Result<(), Error> {
        if *force == Force::Now {
            // Groups have changed: those of other services' tokens as well.
            open.secrets.audiences.clear();
        }
        let renew = |open: &mut Open, tokens: &Tokens| {
            let now = self.world.now();
            open.record.renew(&mut open.secrets, tokens, now)?;
            if matches!(force, Force::Refused { .. }) {
                open.record.forced = Some(now);
            }
            Ok(())
        };
        let scopes = open.record.scopes.clone();
        let scopes = (!open.record.granted_fewer).then_some(scopes.as_slice());
        let traded = self
            .trade(folder, open, refresh_token, scopes, patience, renew)
            .await;
        match traded {
            // A provider may pass over scopes that it does not know, and refuse them from then on.
            Err(Error::Refused { code, .. }) if code == "invalid_scope" && scopes.is_some() => {
                open.record.granted_fewer = true;
                self.trade(folder, open, refresh_token, None, patience, renew)
                    .await?;
            }
            traded => traded?,
        }
        if *force != Force::No {
            // They hold the token that somebody wants to be rid of.
            remove_replies(&open.record);
        }
        Ok(())
    }

    /// Trades the refresh token for tokens with these scopes, or with those granted, of which `take` makes what is wanted.
    /// What the trade brings is written before anybody uses it.
    pub(super) async fn trade<T>(
        &self,
        folder: &Folder,
        open: &mut Open,
        refresh_token: &Secret<String>,
        scopes: Option<&[String]>,
        patience: Patience,
        take: impl FnOnce(&mut Open, &Tokens) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let room = folder.reserve(SESSION, open.length(), self.world)?;
        let http = self.http()?;
        let mut client = self.client(folder, &http).await?;
        // From here to the file: a provider that rotates has used the old token up.
        let _to_the_end = self.world.defer_interrupts();
        let refreshed = client.refresh(refresh_token, scopes, patience).await?;
        open.secrets.rotate(refreshed.refresh_token.as_ref());
        let taken = refreshed.tokens.and_then(|tokens| take(open, &tokens));
        // Also when the rest is of no use: the old refresh token may be used up.
        room.commit(&open.sealed(self.world)?)?;
        if client.provider_changed() {
            self.keep_provider(folder, &client);
        }
        taken
    }
}
