//! A session policy: what a share of the role's rights the keys are to have.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>

use datalab_core::report::{Failure, Kind};
use serde_json::{Value, json};

/// AWS' limit for a session policy, in characters; the others have the same.
pub(crate) const LONGEST: usize = 2048;

/// What the keys are to be narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) bucket: Option<String>,
    /// Within the bucket.
    pub(crate) prefix: Option<String>,
    pub(crate) read_only: bool,
}

impl Extent {
    /// The policy that says so; `None` when nothing is narrowed.
    pub(crate) fn policy(&self) -> Result<Option<String>, Failure> {
        let Self {
            bucket,
            prefix,
            read_only,
        } = self;
        if bucket.is_none() && !read_only {
            return Ok(None);
        }
        let all_buckets = bucket.is_none();
        let bucket = bucket.as_deref().unwrap_or("*");
        let prefix = prefix
            .as_deref()
            .unwrap_or_default()
            .trim_start_matches('/');
        let literal = |text: &str| !text.contains(['*', '?', '$', '"', '\\']) && text.is_ascii();
        if (bucket != "*" && !literal(bucket)) || !literal(prefix) {
            return Err(Failure::new(
                Kind::Usage,
                "a bucket or prefix with *, ?, $, quotes or letters beyond ASCII would mean others too",
            )
            .next("the same command with --policy FILE"));
        }
        let objects = match read_only {
            true => json!(["s3:GetObject"]),
            false => json!([
                "s3:GetObject",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:AbortMultipartUpload",
                "s3:ListMultipartUploadParts"
            ]),
        };
        let mut list = json!({
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [format!("arn:aws:s3:::{bucket}")],
        });
        if !prefix.is_empty() {
            list["Condition"] = json!({"StringLike": {"s3:prefix": [format!("{prefix}*")]}});
        }
        let mut actions = vec!["s3:GetBucketLocation"];
        if !read_only {
            actions.push("s3:ListBucketMultipartUploads");
        }
        if all_buckets {
            actions.push("s3:ListAllMyBuckets");
        }
        let about = json!({
            "Effect": "Allow",
            "Action": actions,
            "Resource": [format!("arn:aws:s3:::{bucket}")],
        });
        let contents = json!({
            "Effect": "Allow",
            "Action": objects,
            "Resource": [format!("arn:aws:s3:::{bucket}/{prefix}*")],
        });
        let policy = json!({"Version": "2012-10-17", "Statement": [list, about, contents]});
        checked(&policy).map(Some)
    }
}

/// A policy that the user has written.
pub(crate) fn read(text: &str) -> Result<String, Failure> {
    let policy: Value = serde_json::from_str(text).map_err(|error| {
        Failure::new(Kind::Usage, format!("the policy is not JSON: {error}"))
            .state("nothing was asked for")
    })?;
    check_shape(&policy).map_err(|problem| {
        Failure::new(Kind::Usage, format!("the policy cannot be one: {problem}"))
            .state("nothing was asked for")
    })?;
    checked(&policy)
}

/// What every server refuses, in words of its own, or none.
fn check_shape(policy: &Value) -> Result<(), String> {
    let statements = match &policy["Statement"] {
        Value::Array(statements) if !statements.is_empty() => statements.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => return Err("it has no Statement".to_owned()),
    };
    for statement in statements {
        match statement["Effect"].as_str() {
            Some("Allow" | "Deny") => {}
            _ => return Err("each Statement has an Effect, Allow or Deny".to_owned()),
        }
        let has = |names: [&str; 2]| names.iter().any(|name| !statement[*name].is_null());
        if !has(["Action", "NotAction"]) {
            return Err("each Statement has an Action".to_owned());
        }
        if !has(["Resource", "NotResource"]) {
            return Err("each Statement has a Resource".to_owned());
        }
    }
    Ok(())
}

/// Without a blank: Ceph before Quincy stumbles over some, and the limit counts them.
fn checked(policy: &Value) -> Result<String, Failure> {
    let text = policy.to_string();
    match text.chars().count() {
        0..=LONGEST => Ok(text),
        length => Err(Failure::new(
            Kind::Usage,
            format!("the policy has {length} characters, and servers take {LONGEST} at most"),
        )
        .state("nothing was asked for")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(bucket: Option<&str>, prefix: Option<&str>, read_only: bool) -> Option<String> {
        let extent = Extent {
            bucket: bucket.map(str::to_owned),
            prefix: prefix.map(str::to_owned),
            read_only,
        };
        extent.policy().unwrap()
    }

    #[test]
    fn nothing_narrowed_is_no_policy() {
        assert_eq!(policy(None, None, false), None);
    }

    #[test]
    fn a_prefix_ends_at_the_prefix() {
        let text = policy(Some("alice"), Some("/in/"), true).unwrap();
        let policy: Value = serde_json::from_str(&text).unwrap();
        let [list, about, contents] = policy["Statement"].as_array().unwrap().as_slice() else {
            unreachable!("{text}");
        };
        assert_eq!(list["Condition"]["StringLike"]["s3:prefix"][0], "in/*");
        assert_eq!(about["Resource"][0], "arn:aws:s3:::alice");
        assert_eq!(contents["Resource"][0], "arn:aws:s3:::alice/in/*");
        assert_eq!(contents["Action"], json!(["s3:GetObject"]));
        assert!(!text.contains("Put") && !text.contains(' '));
    }

    #[test]
    fn only_who_may_read_every_bucket_may_list_them() {
        let text = policy(None, None, true).unwrap();
        let whole: Value = serde_json::from_str(&text).unwrap();
        let about = &whole["Statement"][1];
        assert_eq!(
            about["Action"],
            json!(["s3:GetBucketLocation", "s3:ListAllMyBuckets"])
        );
        // MinIO takes no resource but an ARN.
        assert_eq!(about["Resource"], json!(["arn:aws:s3:::*"]));
        for read_only in [true, false] {
            let text = policy(Some("alice"), None, read_only).unwrap();
            assert!(!text.contains("ListAllMyBuckets"), "{text}");
        }
    }

    #[test]
    fn what_every_server_refuses_is_not_sent() {
        for wrong in [
            "{",
            "{}",
            r#"{"Statement": []}"#,
            r#"{"Statement": [{"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}]}"#,
            r#"{"Statement": [{"Effect": "Allow", "Resource": "*"}]}"#,
            r#"{"Statement": [{"Effect": "Deny", "Action": "s3:*"}]}"#,
        ] {
            assert_eq!(read(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
        let one = r#"{"Statement": {"Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*"}}"#;
        assert_eq!(read(one).unwrap(), one.replace(' ', ""));
    }

    #[test]
    fn what_would_mean_more_is_refused() {
        for bucket in ["al*", "a\"b", "${aws:username}", "é"] {
            let extent = Extent {
                bucket: Some(bucket.to_owned()),
                ..Extent::default()
            };
            assert!(extent.policy().is_err(), "{bucket}");
        }
        let extent = Extent {
            bucket: Some("b".to_owned()),
            prefix: Some("p".repeat(1000)),
            read_only: true,
        };
        let failure = extent.policy().unwrap_err().to_string();
        assert!(failure.contains("2048 at most"), "{failure}");
    }
}
