use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Error;
use crate::world::Endpoint;

/// Hex digits of a session's name: 128 bits.
const DIGITS: usize = 32;

/// Which of several accounts a session is for, as the user calls it; nothing for the only one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(pub Option<String>);

/// Whether this can be an issuer's URL: OpenID Connect Discovery section 3, and nothing that a
/// terminal shows as something else.
///
/// # Errors
/// [`Error::BadIssuer`].
pub fn check_issuer(issuer: &str) -> Result<(), Error> {
    let refuse = |reason| {
        Err(Error::BadIssuer {
            issuer: issuer.to_owned(),
            reason,
        })
    };
    match Endpoint::of(issuer) {
        Err(reason) => refuse(reason),
        Ok(endpoint) if endpoint.scheme != "https" => refuse("only https is safe for tokens"),
        // What stands before an @ is read as the host by people, and not by programs.
        Ok(_) if issuer.contains('@') => refuse("it holds a user name"),
        Ok(_) if issuer.contains(['?', '#']) => refuse("it has a query or a fragment"),
        Ok(_) if !issuer.is_ascii() => refuse("it holds letters beyond ASCII"),
        Ok(_) => Ok(()),
    }
}

/// What a session is a session of: an issuer, a client there, and an account.
///
/// Scopes and audiences are what the one session is asked for, and trust in certificates is no
/// part of who somebody is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The issuer's URL, to the letter.
    pub issuer: String,
    /// The client's id.
    pub client_id: String,
    /// Which of several accounts.
    #[serde(default)]
    pub account: Account,
}

impl Identity {
    /// A name for files: the same for the same identity only.
    pub fn file_name(&self) -> String {
        let mut digest = Sha256::new();
        let account = self.account.0.as_deref();
        for part in [
            self.issuer.as_str(),
            &self.client_id,
            account.unwrap_or_default(),
        ] {
            // With the length before it, no two lists of parts are the same bytes.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        digest.update([u8::from(account.is_some())]);
        let mut name = HEXLOWER.encode(&digest.finalize());
        name.truncate(DIGITS);
        name
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account.0 {
            Some(account) => write!(f, "{account} at {}", self.issuer)?,
            None => f.write_str(&self.issuer)?,
        }
        write!(f, " (client {})", self.client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let identity = |issuer: &str, client: &str, account: Option<&str>| Identity {
            issuer: issuer.to_owned(),
            client_id: client.to_owned(),
            account: Account(account.map(str::to_owned)),
        };
        let names = [
            identity("https://a", "b", None),
            identity("https://a", "b", Some("")),
            identity("https://a", "b", Some("c")),
            identity("https://a", "bc", None),
            identity("https://ab", "", None),
            identity("https://a/", "b", None),
        ]
        .map(|identity| identity.file_name());
        for (index, name) in names.iter().enumerate() {
            assert_eq!(name.len(), DIGITS);
            assert!(!names[..index].contains(name), "{index}");
        }
    }
}
