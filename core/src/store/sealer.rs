use std::{fmt, path::PathBuf};

use data_encoding::BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Error, Folder,
    keyring::{self, KEY_LENGTH, Key, KeyringError},
};
use crate::{
    report::{Failure, Kind},
    words::Secret,
    world::{RandomError, World},
};

/// The file of the key where there is no keyring.
const KEY_FILE: &str = "key";

/// Where the key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    /// The system's keyring.
    Keyring,
    /// A file that only the user can read.
    File,
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keyring => "keyring",
            Self::File => "key file",
        })
    }
}

/// A secret that only its key can open: ChaCha20-Poly1305, RFC 8439.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sealed {
    /// Where the key lies.
    pub key: KeyPlace,
    /// The nonce, in base64.
    nonce: String,
    /// The secret and its tag, in base64.
    text: String,
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The keyring has the key, and does not give it.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The key's file is not there, or is not a key.
    #[error("{} holds no key", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is another one, or the secret belongs elsewhere, or was changed.
    #[error("the stored secret does not fit its key")]
    Mismatch,
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The key's file cannot be used.
    #[error(transparent)]
    Store(#[from] Error),
}

impl SealError {
    /// Whether the secret is gone for good: no later attempt opens it.
    pub fn is_lost(&self) -> bool {
        matches!(
            self,
            Self::NoKey { .. } | Self::Mismatch | Self::Keyring(KeyringError::NoKey)
        )
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Store(error) => error.into(),
            SealError::Keyring(_) => Self::new(Kind::Failed, error.to_string())
                .detail(
                    "the session's key lies there: it is of use again when the keyring is unlocked",
                )
                .state("the session was left as it is"),
            error => Self::new(Kind::Failed, error.to_string()),
        }
    }
}

/// Seals and opens secrets with one key.
pub struct Sealer {
    place: KeyPlace,
    key: LessSafeKey,
}

impl Sealer {
    /// For new secrets: the key in the keyring, else in a file in this folder; made where there is
    /// none yet. Only for who holds a lock, since two keys at once would be one too many.
    ///
    /// # Errors
    /// [`SealError`]: neither place can be used.
    pub fn for_new(folder: &Folder, world: &World) -> Result<Self, SealError> {
        let mut fresh = Key::default();
        world.fill_random(fresh.as_mut_slice())?;
        if let Ok(key) = keyring::key(Some(fresh.clone())) {
            return Ok(Self::with(KeyPlace::Keyring, &key));
        }
        let key = match Self::key_in_file(folder)? {
            Some(key) => key,
            None => {
                folder.write(KEY_FILE, fresh.as_slice(), world)?;
                fresh
            }
        };
        Ok(Self::with(KeyPlace::File, &key))
    }

    /// For secrets whose key is known to lie there.
    ///
    /// # Errors
    /// [`SealError`]: the key is not there, or not to be had now.
    pub fn at(place: KeyPlace, folder: &Folder) -> Result<Self, SealError> {
        let key = match place {
            KeyPlace::Keyring => keyring::key(None)?,
            KeyPlace::File => Self::key_in_file(folder)?.ok_or_else(|| SealError::NoKey {
                file: folder.path().join(KEY_FILE),
            })?,
        };
        Ok(Self::with(place, &key))
    }

    fn key_in_file(folder: &Folder) -> Result<Option<Key>, SealError> {
        let Some(content) = folder.read(KEY_FILE)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        let mut key = Key::default();
        if content.len() != KEY_LENGTH {
            return Err(SealError::NoKey {
                file: folder.path().join(KEY_FILE),
            });
        }
        key.copy_from_slice(&content);
        Ok(Some(key))
    }

    fn with(place: KeyPlace, key: &Key) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice())
            .expect("because the algorithm's keys have this length");
        Self {
            place,
            key: LessSafeKey::new(key),
        }
    }

    /// Where the key lies.
    pub fn place(&self) -> KeyPlace {
        self.place
    }

    /// Seals a secret; only who says the same `context` can open it.
    ///
    /// # Errors
    /// [`SealError`]: no random bytes.
    pub fn seal(&self, context: &str, secret: &[u8], world: &World) -> Result<Sealed, SealError> {
        // Random nonces of 96 bits: a key seals some hundred times a day.
        let mut nonce = [0; NONCE_LEN];
        world.fill_random(&mut nonce)?;
        let mut text = Zeroizing::new(Vec::with_capacity(secret.len() + 16));
        text.extend_from_slice(secret);
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut *text,
            )
            .map_err(|_| SealError::Mismatch)?;
        Ok(Sealed {
            key: self.place,
            nonce: BASE64.encode(&nonce),
            text: BASE64.encode(&text),
        })
    }

    /// Opens a secret that was sealed with the same `context`.
    ///
    /// # Errors
    /// [`SealError`]: it does not fit.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Secret<Vec<u8>>, SealError> {
        let decode = |text: &str| {
            BASE64
                .decode(text.as_bytes())
                .map_err(|_| SealError::Mismatch)
        };
        let nonce: [u8; NONCE_LEN] = decode(&sealed.nonce)?
            .try_into()
            .map_err(|_| SealError::Mismatch)?;
        let mut text = Zeroizing::new(decode(&sealed.text)?);
        let opened = self
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError::Mismatch)?;
        Ok(Secret::new(opened.to_vec()))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_secret_opens_only_where_it_belongs() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open_or_make(&place.path().join("a")).unwrap();
        let world = World::test(Timestamp::UNIX_EPOCH, []).0;
        folder.write(KEY_FILE, &[7; KEY_LENGTH], &world).unwrap();
        let sealer = Sealer::at(KeyPlace::File, &folder).unwrap();
        let sealed = sealer.seal("here", b"secret", &world).unwrap();
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(!text.contains("secret"));
        let sealed: Sealed = serde_json::from_str(&text).unwrap();
        assert_eq!(sealer.open("here", &sealed).unwrap().expose(), b"secret");
        assert!(sealer.open("there", &sealed).unwrap_err().is_lost());
        let again = sealer.seal("here", b"secret", &world).unwrap();
        assert_ne!(again, sealed);

        folder.write(KEY_FILE, &[8; KEY_LENGTH], &world).unwrap();
        let other = Sealer::at(KeyPlace::File, &folder).unwrap();
        assert!(other.open("here", &sealed).unwrap_err().is_lost());
        folder.write(KEY_FILE, b"short", &world).unwrap();
        assert!(Sealer::at(KeyPlace::File, &folder).unwrap_err().is_lost());
        folder.remove(KEY_FILE).unwrap();
        assert!(Sealer::at(KeyPlace::File, &folder).unwrap_err().is_lost());
    }
}
