//! Policies in AWS's language, as both of the lab's object stores take them.

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
