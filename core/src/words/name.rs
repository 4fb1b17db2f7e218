use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest RFC 1123 label, in bytes: namespaces and Service names.
const LABEL_MAX: usize = 63;

/// The longest RFC 1123 subdomain, in bytes: most other object names.
const SUBDOMAIN_MAX: usize = 253;

/// How much of a refused name an error shows, in characters: enough to recognise it.
const SHOWN_MAX: usize = 40;

/// A namespace's name: an RFC 1123 label.
///
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(String);

/// The name of a namespaced object: an RFC 1123 subdomain.
///
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// Why a text is not a Kubernetes name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{shown:?} is not a {what}: {reason}")]
pub struct NameError {
    what: &'static str,
    shown: String,
    reason: &'static str,
}

impl Namespace {
    /// The name as the API server spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ObjectName {
    /// The name as the API server spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Namespace {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check("namespace name", text, is_label(text))?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for ObjectName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check("object name", text, is_subdomain(text))?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(
    what: &'static str,
    text: &str,
    verdict: Result<(), &'static str>,
) -> Result<(), NameError> {
    verdict.map_err(|reason| NameError {
        what,
        shown: shorten(text),
        reason,
    })
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn is_label(text: &str) -> Result<(), &'static str> {
    if text.len() > LABEL_MAX {
        return Err("it is longer than 63 characters");
    }
    is_label_of_any_length(text)
}

fn is_subdomain(text: &str) -> Result<(), &'static str> {
    if text.len() > SUBDOMAIN_MAX {
        return Err("it is longer than 253 characters");
    }
    text.split('.').try_for_each(is_label_of_any_length)
}

fn is_label_of_any_length(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty, or a part of it is");
    }
    if !text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Err("only lower-case letters, digits and dashes are allowed");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("it must begin and end with a letter or digit");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_labels() {
        for good in ["user-me", "x", "0", "projet-p1", &"a".repeat(63)] {
            assert_eq!(good.parse::<Namespace>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-x",
            "x-",
            "User",
            "a.b",
            "a_b",
            "a b",
            "a\nb",
            "a/b",
            "é",
            "'; drop table x; --",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad:?} was let in");
        }
    }

    #[test]
    fn objects_are_subdomains() {
        for good in ["postgresql-951239", "a.b-c.d", &"a".repeat(253)] {
            assert!(good.parse::<ObjectName>().is_ok(), "{good:?} was refused");
        }
        for bad in ["", ".", "a..b", "a.", "-a", &"a".repeat(254)] {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad:?} was let in");
        }
    }

    #[test]
    fn an_error_shows_the_beginning_only_and_escapes_it() {
        let error = format!("{}\u{1b}[31m", "é".repeat(300))
            .parse::<Namespace>()
            .unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 200, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert_eq!(
            "a\u{1b}b".parse::<Namespace>().unwrap_err().to_string(),
            "\"a\\u{1b}b\" is not a namespace name: only lower-case letters, digits and dashes are allowed"
        );
    }
}
