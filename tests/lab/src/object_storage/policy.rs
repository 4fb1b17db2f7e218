//! Policies in AWS's language, as far as object stores are concerned.

use serde_json::{Map, Value};

/// Who asks, for what.
pub(super) struct Question<'a> {
    /// `s3:GetObject`.
    pub(super) action: &'a str,
    /// `bucket`, `bucket/key`; empty for all buckets.
    pub(super) resource: &'a str,
    /// The prefix of a list, where one was given.
    pub(super) prefix: Option<&'a str>,
    /// The claims of the one who asks: `${jwt:NAME}`.
    pub(super) claims: &'a Map<String, Value>,
    /// `${aws:username}`.
    pub(super) user: &'a str,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Verdict {
    Allowed,
    Denied,
    /// Nothing is said.
    Silent,
}

impl Question<'_> {
    /// Whether one of these allows it and none denies it, and the session's policy too.
    pub(super) fn is_allowed(&self, policies: &[Value], session: Option<&Value>) -> bool {
        let verdicts: Vec<Verdict> = policies.iter().map(|policy| self.verdict(policy)).collect();
        let by_session = session.map_or(Verdict::Allowed, |policy| self.verdict(policy));
        verdicts.contains(&Verdict::Allowed)
            && !verdicts.contains(&Verdict::Denied)
            && by_session == Verdict::Allowed
    }

    fn verdict(&self, policy: &Value) -> Verdict {
        let statements = match &policy["Statement"] {
            Value::Array(statements) => statements.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut verdict = Verdict::Silent;
        for statement in statements {
            let is_denial = statement["Effect"] == "Deny";
            if !self.fits(statement, is_denial) {
                continue;
            }
            if is_denial {
                return Verdict::Denied;
            }
            if statement["Effect"] == "Allow" {
                verdict = Verdict::Allowed;
            }
        }
        verdict
    }

    fn fits(&self, statement: &Value, is_denial: bool) -> bool {
        let action = self.action.to_lowercase();
        let resource = format!("arn:aws:s3:::{}", self.resource);
        let has_action = texts(&statement["Action"])
            .iter()
            .any(|pattern| matches(&pattern.to_lowercase(), &action));
        let has_resource = texts(&statement["Resource"])
            .iter()
            .any(|pattern| matches(&self.filled_in(pattern), &resource));
        has_action && has_resource && self.meets(&statement["Condition"], is_denial)
    }

    /// Whether the conditions hold; one that is not known allows nothing, and denies all the same.
    fn meets(&self, conditions: &Value, is_denial: bool) -> bool {
        let Some(conditions) = conditions.as_object() else {
            return true;
        };
        conditions.iter().all(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.into_iter()
                .all(|(key, patterns)| match (operator.as_str(), key.as_str()) {
                    ("StringLike" | "StringEquals", "s3:prefix") => {
                        let prefix = self.prefix.unwrap_or_default();
                        texts(patterns).iter().any(|pattern| {
                            let pattern = self.filled_in(pattern);
                            match operator.as_str() {
                                "StringLike" => matches(&pattern, prefix),
                                _ => pattern == prefix,
                            }
                        })
                    }
                    _ => is_denial,
                })
        })
    }

    /// The pattern with its variables filled in; one without a value fits nothing.
    fn filled_in(&self, pattern: &str) -> String {
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            let claim = name
                .strip_prefix("jwt:")
                .and_then(|claim| self.claims.get(claim)?.as_str());
            match claim {
                Some(value) => text.push_str(value),
                None if name == "aws:username" => text.push_str(self.user),
                None => text.push('\0'),
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

/// One text, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values
            .iter()
            .filter_map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// `*` stands for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skipped| fits(rest, &text[skipped..])),
            Some(('?', rest)) => !text.is_empty() && fits(rest, &text[1..]),
            Some((first, rest)) => text.first() == Some(first) && fits(rest, &text[1..]),
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    fits(&chars(pattern), &chars(text))
}

/// Whether this is a policy at all: JSON with statements that allow or deny.
pub(super) fn parse(text: &str) -> Option<Value> {
    let policy: Value = serde_json::from_str(text).ok()?;
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => return None,
    };
    let whole = statements.iter().all(|statement| {
        ["Allow", "Deny"].contains(&statement["Effect"].as_str().unwrap_or_default())
            && !texts(&statement["Action"]).is_empty()
            && !texts(&statement["Resource"]).is_empty()
    });
    whole.then_some(policy)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(action: &str, resource: &str, policies: &[Value], session: Option<&Value>) -> bool {
        let claims = json!({"preferred_username": "alice"});
        Question {
            action,
            resource,
            prefix: Some("in/"),
            claims: claims.as_object().unwrap(),
            user: "alice",
        }
        .is_allowed(policies, session)
    }

    #[test]
    fn a_user_has_what_the_variable_says() {
        let own = json!({"Statement": {"Effect": "Allow", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::${jwt:preferred_username}", "arn:aws:s3:::${aws:username}/*"]}});
        let own = [own];
        assert!(asked("s3:ListBucket", "alice", &own, None));
        assert!(asked("s3:GetObject", "alice/a/b", &own, None));
        assert!(!asked("s3:GetObject", "bob/a", &own, None));
        assert!(!asked("s3:ListBucket", "alice2", &own, None));
        let nobody = json!({"Statement": {"Effect": "Allow", "Action": "s3:*",
            "Resource": "arn:aws:s3:::${jwt:nothing}*"}});
        assert!(!asked("s3:ListBucket", "alice", &[nobody], None));
    }

    #[test]
    fn a_denial_and_a_sessions_policy_only_take_away() {
        let all = json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let read = json!({"Statement": [{"Effect": "Allow", "Action": ["s3:Get*"],
            "Resource": "arn:aws:s3:::alice/in/*"},
            {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::alice",
             "Condition": {"StringLike": {"s3:prefix": ["in/*"]}}}]});
        let denial =
            json!({"Statement": [{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}]});
        let all = [all];
        assert!(asked("s3:PutObject", "alice/in/x", &all, None));
        assert!(!asked("s3:PutObject", "alice/in/x", &all, Some(&read)));
        assert!(asked("s3:GetObject", "alice/in/x", &all, Some(&read)));
        assert!(!asked("s3:GetObject", "alice/out/x", &all, Some(&read)));
        assert!(asked("s3:ListBucket", "alice", &all, Some(&read)));
        assert!(!asked("s3:GetObject", "alice/in/x", &[], Some(&read)));
        let with_denial = [all[0].clone(), denial];
        assert!(!asked("s3:PutObject", "alice/in/x", &with_denial, None));
        assert!(asked("s3:GetObject", "alice/in/x", &with_denial, None));
    }

    #[test]
    fn what_is_no_policy_is_seen() {
        for text in [
            "",
            "{",
            "{}",
            r#"{"Statement": []x"#,
            r#"{"Statement": [{"Effect": "Maybe"}]}"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let good = r#"{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
        assert!(parse(good).is_some());
    }
}
