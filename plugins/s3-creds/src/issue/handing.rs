//! Keys on their way to whoever asked, and to where the next call finds them.

use datalab_core::oidc::Record;

use super::{
    MARGIN, Ready,
    exchange::{Exchange, Outcome},
    issued,
};
use crate::{
    cache::{Entry, Slot},
    issued::{Credentials, Origin},
    source::Duration,
    span::in_words,
};

/// What a moment between two clocks, and on the way, takes from a life, in seconds.
const ON_THE_WAY: u64 = 60;

impl Exchange<'_> {
    /// Keeps keys where a logout finds them, if that is possible; without that they are had again.
    pub(super) fn put_away(&self, entry: &Entry, slot: &Slot<'_>) {
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

    /// Keys with all that a program needs to use them.
    pub(super) fn handed_out(
        &self,
        entry: &Entry,
        credentials: Credentials,
        was_kept: bool,
    ) -> Outcome {
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
        if life + ON_THE_WAY < MARGIN.as_secs().unsigned_abs() {
            notes.push(format!(
                "these keys live {}; SDKs ask for new ones at every request in their last 15 minutes: an \
                 older MinIO cuts them to the token's life, which Keycloak's access token lifespan sets",
                in_words(life)
            ));
        }
        notes
    }
}
