use std::{fmt, str::FromStr};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// PostgreSQL's own default (`scram_iterations`).
const ITERATIONS: u32 = 4096;

/// The length of a salt in bytes, as PostgreSQL makes them (`SCRAM_DEFAULT_SALT_LEN`).
pub(crate) const SALT_LENGTH: usize = 16;

/// A SCRAM-SHA-256 verifier as `pg_authid.rolpassword` holds it:
/// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
///
/// Passwords of shares are ASCII, for which SASLprep (RFC 4013) changes nothing.
///
/// RFC 5802, section 3, and
/// <https://www.postgresql.org/docs/current/catalog-pg-authid.html>
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

/// A text that is no SCRAM-SHA-256 verifier: an MD5 hash, say.
#[derive(Debug, Error)]
#[error("not a SCRAM-SHA-256 verifier")]
pub(crate) struct VerifierError;

impl Verifier {
    /// The verifier of a password under a fresh salt.
    pub(crate) fn of(password: &str, salt: [u8; SALT_LENGTH]) -> Self {
        Self::derive(password, salt.to_vec(), ITERATIONS)
    }

    /// Whether this is the verifier of `password`.
    pub(crate) fn matches(&self, password: &str) -> bool {
        *self == Self::derive(password, self.salt.clone(), self.iterations)
    }

    fn derive(password: &str, salt: Vec<u8>, iterations: u32) -> Self {
        let salted =
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &salt, iterations);
        let client_key = hmac(&salted, b"Client Key");
        Self {
            iterations,
            salt,
            stored_key: Sha256::digest(client_key).to_vec(),
            server_key: hmac(&salted, b"Server Key"),
        }
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key).expect("because HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            BASE64.encode(&self.salt),
            BASE64.encode(&self.stored_key),
            BASE64.encode(&self.server_key)
        )
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(***)")
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(text: &str) -> Result<Self, VerifierError> {
        let mut parts = text.split('$');
        let (Some("SCRAM-SHA-256"), Some(head), Some(keys), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VerifierError);
        };
        let (iterations, salt) = head.split_once(':').ok_or(VerifierError)?;
        let (stored_key, server_key) = keys.split_once(':').ok_or(VerifierError)?;
        let decode = |part: &str| BASE64.decode(part.as_bytes()).map_err(|_| VerifierError);
        Ok(Self {
            iterations: iterations.parse().map_err(|_| VerifierError)?,
            salt: decode(salt)?,
            stored_key: decode(stored_key)?,
            server_key: decode(server_key)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Salt and iterations of RFC 7677, section 3; the password is `pencil`. The keys were computed
    /// with Python's hashlib from the formulas of RFC 5802, section 3.
    const RFC_7677: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn agrees_with_the_rfc() {
        let verifier: Verifier = RFC_7677.parse().unwrap();
        assert_eq!(verifier.to_string(), RFC_7677);
        assert!(verifier.matches("pencil"));
        assert!(!verifier.matches("Pencil"));
    }

    #[test]
    fn a_fresh_verifier_is_printed_and_read_back() {
        let verifier = Verifier::of("secret", [7; SALT_LENGTH]);
        let read: Verifier = verifier.to_string().parse().unwrap();
        assert!(read == verifier && read.matches("secret"));
        assert_eq!(format!("{read:?}"), "Verifier(***)");
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "md5d0b4",
            "SCRAM-SHA-256$4096:AA==$AA==",
            "SCRAM-SHA-256$x:AA==$AA==:AA==",
            "SCRAM-SHA-256$1:?$AA==:AA==",
        ] {
            assert!(text.parse::<Verifier>().is_err(), "{text}");
        }
    }
}
