use datalab_core::oidc::Claims;
use jiff::{SignedDuration, Timestamp};

use super::Scene;
use crate::{source::TokenKind, span::in_words, sts::Refusal};

/// Two clocks that differ by more make tokens look old, or not yet good.
const TOLERATED: SignedDuration = SignedDuration::from_secs(30);

/// What the token says, beside what the server's clock says.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) claims: Option<Claims>,
    /// The server's time, as far as it tells.
    pub(super) server_now: Timestamp,
    /// How far the server's clock is ahead.
    pub(super) skew: SignedDuration,
    token: &'static str,
}

impl Facts {
    pub(super) fn of(scene: &Scene<'_>, refusal: &Refusal) -> Self {
        Self {
            claims: Claims::unchecked(scene.token.expose()),
            server_now: scene.now + refusal.skew,
            skew: refusal.skew,
            token: match scene.token_kind {
                None => "the token",
                Some(TokenKind::Access) => "the access token",
                Some(TokenKind::Id) => "the ID token",
            },
        }
    }

    /// What the token says of itself, in a line.
    pub(super) fn token(&self) -> String {
        let Some(claims) = &self.claims else {
            return "the token is no JWT".to_owned();
        };
        let audiences = claims.audiences();
        let audience = match audiences.is_empty() {
            true => "nobody (no aud)".to_owned(),
            false => audiences.join(", "),
        };
        let party = match claims.text("azp") {
            Some(party) => format!(" (azp {party})"),
            None => String::new(),
        };
        format!(
            "{} is {}'s, from {}, for {audience}{party}",
            self.token,
            claims.username(),
            claims.issuer(),
        )
    }

    /// For how long the token has been expired, by the server's clock.
    pub(super) fn expired_for(&self) -> Option<SignedDuration> {
        let expires = self.claims.as_ref()?.expires()?;
        let since = self.server_now.duration_since(expires);
        (since >= SignedDuration::ZERO).then_some(since)
    }

    /// Whether it has expired by this machine's clock too.
    pub(super) fn expired_here(&self, now: Timestamp) -> bool {
        let expires = self.claims.as_ref().and_then(Claims::expires);
        expires.is_some_and(|expires| expires <= now)
    }

    /// How long it will be until the token is good, by the server's clock.
    pub(super) fn good_in(&self) -> Option<SignedDuration> {
        let claims = self.claims.as_ref()?;
        let from = claims
            .time("nbf")
            .into_iter()
            .chain(claims.time("iat"))
            .max()?;
        let left = from.duration_since(self.server_now);
        (left > SignedDuration::ZERO).then_some(left)
    }

    /// How the server's clock differs from this machine's, if that matters.
    pub(super) fn clock(&self) -> Option<String> {
        if self.skew.abs() <= TOLERATED {
            return None;
        }
        let seconds = in_words(self.skew.abs().as_secs().unsigned_abs());
        let direction = match self.skew.is_positive() {
            true => "ahead of",
            false => "behind",
        };
        Some(format!(
            "the server's clock is {seconds} {direction} this machine's"
        ))
    }

    /// Names of claims, for a reader who looks for one.
    pub(super) fn claim_names(&self) -> String {
        let names = self.claims.as_ref().map(|claims| {
            let names: Vec<_> = claims.all().keys().map(String::as_str).collect();
            names.join(", ")
        });
        names.unwrap_or_default()
    }

    /// The issuer as IAM's providers are named: without its scheme.
    pub(super) fn provider(&self) -> &str {
        let issuer = self.text("iss").unwrap_or_default();
        issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.claims.as_ref()?.text(name)
    }

    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let claims = self.claims.as_ref();
        claims.map(|claims| claims.list(name)).unwrap_or_default()
    }
}
