//! The name of a lab.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name: it is part of paths of Unix sockets, which end at 107 bytes.
const LONGEST: usize = 32;

/// A lab's name: lower-case letters, digits and dashes, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

/// The text is not a lab's name.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} cannot name a lab: at most {LONGEST} lower-case letters, digits and dashes, \
     beginning with a letter"
)]
pub struct InvalidName(String);

impl LabName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for LabName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = text.len() <= LONGEST
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for LabName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_in_a_path_is_a_name() {
        for good in ["lab", "a", "two-labs-2"] {
            assert_eq!(good.parse::<LabName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "..",
            "a/b",
            "-a",
            "1a",
            "A",
            "a b",
            "é",
            &"a".repeat(33),
        ] {
            assert!(bad.parse::<LabName>().is_err(), "{bad:?}");
        }
    }
}
