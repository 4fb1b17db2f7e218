//! The question itself: what is asked for, and what is known of the answer.

use std::path::PathBuf;

use datalab_core::{
    http,
    report::{Failure, Kind},
    store::Sealer,
    words::Secret,
};

use super::exchange::Exchange;
use crate::{
    cache::{Entry, Key, Secrets},
    cause,
    source::{self, absolute},
    sts::{self, Granted, StsError},
};

impl Exchange<'_> {
    /// Asks the token service.
    pub(super) async fn granted(
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

    /// New keys, with what is known of them.
    pub(super) async fn entry(
        &self,
        granted: &Granted,
        asked_seconds: u64,
        key: Key,
        sealer: Option<&Sealer>,
    ) -> Result<Entry, Failure> {
        let expiration = granted.credentials.expiration.unwrap_or(granted.received);
        let secrets = Secrets::of(&granted.credentials, &key, sealer, self.desk.world)?;
        Ok(Entry {
            key,
            store_url: self.place.store.url.clone(),
            profile: self.offer.profile.clone(),
            server: granted.server,
            bound: self.bound.clone(),
            obtained: granted.received,
            expires: expiration - granted.skew,
            asked_seconds,
            ca_file: self.ca_file().await?,
            secrets,
        })
    }
}
