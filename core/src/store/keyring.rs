//! The system's keyring, asked with a limit of time.

use std::{sync::mpsc, thread, time::Duration};

use data_encoding::HEXLOWER;
use keyring::Entry;
use zeroize::Zeroizing;

/// A keyring answers within 10 ms, or asks a person to unlock it, or hangs. A person who is asked
/// while a command runs needs longer than this, and finds the keyring open the next time.
const LIMIT: Duration = Duration::from_secs(3);

/// Length of a key in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// A key that can open what it has sealed.
pub(super) type Key = Zeroizing<[u8; KEY_LENGTH]>;

/// Under which name the key lies there.
const SERVICE: &str = "kubectl-datalab";
const USER: &str = "sessions";

/// Why the keyring gave no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It has none, and was asked for one that exists.
    #[error("the keyring does not hold the key")]
    NoKey,
    /// It did not answer in time: it hangs, or waits for a person.
    #[error("the keyring did not answer within {} s", LIMIT.as_secs())]
    TimedOut,
    /// There is none here, or it is locked.
    #[error("the keyring cannot be used: {0}")]
    Unusable(String),
}

/// The key in the keyring; `fresh` is put there when there is none.
pub(super) fn key(fresh: Option<Key>) -> Result<Key, KeyringError> {
    within(LIMIT, move || {
        let entry = Entry::new(SERVICE, USER).map_err(unusable)?;
        match entry.get_password() {
            Ok(text) => decode(&Zeroizing::new(text)),
            Err(keyring::Error::NoEntry) => {
                let fresh = fresh.ok_or(KeyringError::NoKey)?;
                let text = Zeroizing::new(HEXLOWER.encode(fresh.as_slice()));
                entry.set_password(&text).map_err(unusable)?;
                Ok(fresh)
            }
            Err(error) => Err(unusable(error)),
        }
    })
}

fn decode(text: &str) -> Result<Key, KeyringError> {
    let mut key = Key::default();
    let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).unwrap_or_default());
    if bytes.len() != KEY_LENGTH {
        let reason = format!("its entry {SERVICE}/{USER} is not one of ours");
        return Err(KeyringError::Unusable(reason));
    }
    key.copy_from_slice(&bytes);
    Ok(key)
}

fn unusable(error: keyring::Error) -> KeyringError {
    // The library does not keep why it has no store to offer.
    let error = match (error, Entry::store_status()) {
        (keyring::Error::NoDefaultStore, Err(error)) => error.to_string(),
        (error, _) => error.to_string(),
    };
    KeyringError::Unusable(error)
}

/// Runs it on a thread of its own, which is left behind when the limit has passed: nothing ends a
/// call into a keyring that hangs.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, KeyringError> {
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().spawn(move || {
        // Nobody listens when the limit has passed.
        let _ = sender.send(work());
    });
    match started {
        Ok(_) => receiver
            .recv_timeout(limit)
            .unwrap_or(Err(KeyringError::TimedOut)),
        Err(error) => Err(KeyringError::Unusable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_that_hangs_is_left_behind() {
        let hanging = within::<()>(Duration::from_millis(20), || {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        });
        assert_eq!(hanging, Err(KeyringError::TimedOut));
        assert_eq!(within(LIMIT, || Ok(1)), Ok(1));
    }
}
