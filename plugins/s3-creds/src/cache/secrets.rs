use datalab_core::{
    store::{Folder, KeyPlace, SealError, Sealed, Sealer},
    words::Secret,
    world::World,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::Key;
use crate::issued::Credentials;

/// What opens a store, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Secrets {
    Clear(Plain),
    Sealed(Sealed),
}

/// The keys in clear.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Plain {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plain(***)")
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
        self.session_token.zeroize();
    }
}

impl Secrets {
    /// Those of these keys; sealed, if there is something to seal them with.
    pub(crate) fn of(
        credentials: &Credentials,
        key: &Key,
        sealer: Option<&Sealer>,
        world: &World,
    ) -> Result<Self, SealError> {
        let plain = Plain {
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.expose().clone(),
            session_token: credentials
                .session_token
                .as_ref()
                .map(|token| token.expose().clone())
                .unwrap_or_default(),
        };
        let Some(sealer) = sealer else {
            return Ok(Self::Clear(plain));
        };
        let text = Zeroizing::new(serde_json::to_vec(&plain).unwrap_or_default());
        Ok(Self::Sealed(sealer.seal(&context(key), &text, world)?))
    }

    pub(super) fn key_place(&self) -> Option<KeyPlace> {
        match self {
            Self::Clear(_) => None,
            Self::Sealed(sealed) => Some(sealed.key),
        }
    }

    pub(super) fn credentials(
        &self,
        key: &Key,
        expires: Timestamp,
        folder: &Folder,
    ) -> Result<Credentials, SealError> {
        let plain = match self {
            Self::Clear(plain) => plain.clone(),
            Self::Sealed(sealed) => {
                let text = Sealer::at(sealed.key, folder)?.open(&context(key), sealed)?;
                serde_json::from_slice(text.expose()).map_err(|_| SealError::Mismatch)?
            }
        };
        Ok(Credentials {
            access_key_id: plain.access_key_id.clone(),
            secret_access_key: Secret::new(plain.secret_access_key.clone()),
            session_token: Some(Secret::new(plain.session_token.clone())),
            expiration: Some(expires),
        })
    }
}

/// What the sealed keys are bound to.
fn context(key: &Key) -> String {
    format!("s3-creds {}", key.file_name())
}
