use std::{collections::BTreeMap, fmt};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::record::MARGIN;
use crate::{
    oidc::{Identity, Tokens},
    store::{SealError, Sealed, Sealer},
    words::Secret,
    world::World,
};

/// A token for one other service.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AudienceToken {
    token: String,
    /// Until when it holds, by this machine's clock.
    pub expires: Timestamp,
}

impl AudienceToken {
    pub(super) fn new(tokens: &Tokens) -> Self {
        Self {
            token: tokens.access_token.expose().clone(),
            expires: tokens.access_expires,
        }
    }

    /// The token.
    pub fn token(&self) -> Secret<String> {
        Secret::new(self.token.clone())
    }

    /// Whether it holds for long enough to be handed out.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        self.expires.duration_since(now) > MARGIN
    }
}

impl fmt::Debug for AudienceToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudienceToken")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Drop for AudienceToken {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

/// What is sealed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Secrets {
    id_token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    pub(super) audiences: BTreeMap<String, AudienceToken>,
}

impl Secrets {
    /// Those of a login.
    pub(super) fn of(tokens: &Tokens) -> Self {
        Self {
            id_token: tokens.id_token.expose().clone(),
            refresh_token: tokens
                .refresh_token
                .as_ref()
                .map(|token| token.expose().clone()),
            audiences: BTreeMap::new(),
        }
    }

    pub(super) fn id_token(&self) -> Secret<String> {
        Secret::new(self.id_token.clone())
    }

    pub(super) fn refresh_token(&self) -> Option<Secret<String>> {
        self.refresh_token.clone().map(Secret::new)
    }

    /// Takes in the next refresh token, if the provider gave one: else the old one is used on.
    pub(super) fn rotate(&mut self, refresh_token: Option<&Secret<String>>) {
        if let Some(token) = refresh_token {
            self.refresh_token.zeroize();
            self.refresh_token = Some(token.expose().clone());
        }
    }

    /// Takes in the ID token that a refresh brought.
    pub(super) fn renew(&mut self, tokens: &Tokens) {
        self.id_token.zeroize();
        self.id_token.clone_from(tokens.id_token.expose());
    }

    /// Which ID token it is: enough of a digest to tell two apart, and too little to be one.
    pub(super) fn token_id(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(&self.id_token)[..8])
    }

    /// Seals them, for the session of this identity only.
    pub(super) fn sealed(
        &self,
        identity: &Identity,
        sealer: &Sealer,
        world: &World,
    ) -> Result<Sealed, SealError> {
        let plain = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        sealer.seal(&Self::context(identity), &plain, world)
    }

    /// Opens those that were sealed for this identity.
    pub(super) fn open(
        sealed: &Sealed,
        identity: &Identity,
        sealer: &Sealer,
    ) -> Result<Self, SealError> {
        let plain = sealer.open(&Self::context(identity), sealed)?;
        serde_json::from_slice(plain.expose()).map_err(|_| SealError::Mismatch)
    }

    fn context(identity: &Identity) -> String {
        format!("kubectl-datalab oidc session 1 {}", identity.file_name())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.id_token.zeroize();
        self.refresh_token.zeroize();
    }
}
