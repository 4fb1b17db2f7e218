//! The parameters of a request, as the dialect reads them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::policy;
use super::super::settings::{Dialect, Role};
use super::super::{Seen, jwt};
use super::{Exchange, Refusal};
use crate::loopback::pairs;

/// A policy of a session may have so many characters.
pub(super) const LONGEST_POLICY: usize = 2048;

/// Names of sessions have so many characters.
const SESSION_NAME: std::ops::RangeInclusive<usize> = 2..=64;

/// The parameters.
pub(super) struct Ask(BTreeMap<String, String>);

impl Ask {
    /// Where the dialect looks for them, decoded as it does.
    pub(super) fn of(dialect: Dialect, seen: &Seen) -> Self {
        let body = match seen.is_form() {
            true => seen.text(),
            false => String::new(),
        };
        // Ceph takes a plus for a plus.
        let body = match dialect {
            Dialect::Ceph => body.replace('+', "%2B"),
            _ => body,
        };
        let mut found: BTreeMap<_, _> = match dialect {
            Dialect::Rustfs => BTreeMap::new(),
            _ => seen.query.clone(),
        };
        found.extend(pairs(&body));
        Self(found)
    }

    /// A parameter that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The parameter, were it empty.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The duration in seconds, if it is a number, where one is given.
    pub(super) fn seconds(&self) -> Result<Option<u64>, ()> {
        let given = self.get("DurationSeconds");
        given.map(|text| text.parse().map_err(|_| ())).transpose()
    }

    /// The session's name, and whether it is one.
    pub(super) fn session_name(&self) -> (Option<&str>, bool) {
        let name = self.get("RoleSessionName");
        let good = name.is_some_and(|name| {
            SESSION_NAME.contains(&name.chars().count())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_=,.@-+".contains(c))
        });
        (name, good)
    }
}

impl Exchange<'_> {
    /// The role that is asked for, and the policies that come with it.
    pub(super) fn role(&self) -> Option<(&str, &Role)> {
        let arn = self.ask.get("RoleArn")?;
        let (arn, role) = self.settings.roles.get_key_value(arn)?;
        Some((arn, role))
    }

    /// The session's policy; an error where it is none.
    pub(super) fn session_policy(&self, wrong: &Refusal) -> Result<Option<Value>, Refusal> {
        let Some(text) = self.ask.get("Policy") else {
            return Ok(None);
        };
        let refuse = || Refusal::new(wrong.status, wrong.code, wrong.message.clone());
        policy::parse(text).map(Some).ok_or_else(refuse)
    }
}

/// What stands in a claim, for people.
pub(super) fn said(claims: &serde_json::Map<String, Value>, name: &str) -> String {
    jwt::values(claims, name).unwrap_or_default().join(",")
}
