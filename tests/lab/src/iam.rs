//! What both of the lab's object stores take: policies in AWS's language, and the exchange of a token.

use serde_json::{Value, json};

/// The version of the language.
const LANGUAGE: &str = "2012-10-17";

/// A policy with these statements.
pub(crate) fn policy(statements: &Value) -> Value {
    json!({ "Version": LANGUAGE, "Statement": statements })
}

/// Everything in the buckets of one user, `NAME` and all that begin with `NAME-`, and the list of names of
/// buckets.
pub(crate) fn buckets_of(name: &str) -> Value {
    let buckets = [name, &format!("{name}-*")];
    let resources = buckets.iter().flat_map(|bucket| {
        let bucket = format!("arn:aws:s3:::{bucket}");
        [format!("{bucket}/*"), bucket]
    });
    policy(&json!([
        { "Effect": "Allow", "Action": ["s3:*"], "Resource": resources.collect::<Vec<_>>() },
        { "Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": ["arn:aws:s3:::*"] },
    ]))
}

/// The form that asks for a role with a token, and what else to say.
pub(crate) fn exchange<'a>(
    role_arn: &'a str,
    token: &'a str,
    more: &'a [(&'a str, &'a str)],
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", role_arn),
        ("RoleSessionName", "lab"),
        ("WebIdentityToken", token),
    ];
    fields.into_iter().chain(more.iter().copied())
}
