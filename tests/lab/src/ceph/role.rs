//! Roles, and whose tokens count for them, as the gateway's IAM takes them.

use serde_json::{Value, json};

use super::{Ceph, Error};
use crate::https::Request;

/// The version of IAM's language for policies.
const POLICY_LANGUAGE: &str = "2012-10-17";

/// What the gateway demands and does not check: this release never looks at a thumbprint.
const THUMBPRINT: &str = "0000000000000000000000000000000000000000";

/// A role to be made.
#[derive(Clone, Debug)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// The issuer whose tokens it takes.
    pub issuer: String,
    /// What a token must hold: `sub` or `aud`, which this release calls `app_id` too, and the value.
    /// Nothing means that any token of the issuer does.
    pub condition: Vec<(&'static str, String)>,
    /// Whose buckets it opens: `NAME` and all that begin with `NAME-`; none if empty.
    pub buckets_of: Option<String>,
    /// How long its keys may last, in seconds; an hour if nothing is said.
    pub longest: Option<u32>,
}

impl Role {
    /// A role for everybody at this issuer, which may nothing.
    #[must_use]
    pub fn new(name: &str, issuer: &str) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            condition: Vec::new(),
            buckets_of: None,
            longest: None,
        }
    }

    /// Only for tokens with this value: `key` is `sub` or `aud`.
    #[must_use]
    pub fn only_with(mut self, key: &'static str, value: &str) -> Self {
        self.condition.push((key, value.to_owned()));
        self
    }

    /// Opens buckets `NAME` and `NAME-*`.
    #[must_use]
    pub fn with_buckets_of(mut self, name: &str) -> Self {
        self.buckets_of = Some(name.to_owned());
        self
    }

    /// Lets its keys last longer than an hour.
    #[must_use]
    pub fn lasting(mut self, seconds: u32) -> Self {
        self.longest = Some(seconds);
        self
    }

    fn trust(&self) -> Value {
        let provider = without_scheme(&self.issuer);
        let mut statement = json!({
            "Effect": "Allow",
            "Principal": { "Federated": [format!("arn:aws:iam:::oidc-provider/{provider}")] },
            "Action": ["sts:AssumeRoleWithWebIdentity"],
        });
        for (key, value) in &self.condition {
            statement["Condition"]["StringEquals"][format!("{provider}:{key}")] =
                value.as_str().into();
        }
        json!({ "Version": POLICY_LANGUAGE, "Statement": [statement] })
    }
}

/// Everything in the buckets of one user, and the list of their names.
fn permissions(name: &str) -> Value {
    let buckets = [name, &format!("{name}-*")];
    let resources = buckets.iter().flat_map(|bucket| {
        let bucket = format!("arn:aws:s3:::{bucket}");
        [format!("{bucket}/*"), bucket]
    });
    json!({
        "Version": POLICY_LANGUAGE,
        "Statement": [
            { "Effect": "Allow", "Action": ["s3:*"], "Resource": resources.collect::<Vec<_>>() },
            { "Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": ["arn:aws:s3:::*"] },
        ],
    })
}

fn without_scheme(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
}

impl Ceph {
    /// Registers an issuer, with the clients whose tokens count.
    pub(super) fn register(&self, issuer: &str, clients: &[&str]) -> Result<(), Error> {
        let mut fields = vec![
            (
                "Action".to_owned(),
                "CreateOpenIDConnectProvider".to_owned(),
            ),
            ("Url".to_owned(), issuer.to_owned()),
            ("ThumbprintList.member.1".to_owned(), THUMBPRINT.to_owned()),
        ];
        for (number, client) in (1..).zip(clients) {
            fields.push((
                format!("ClientIDList.member.{number}"),
                (*client).to_owned(),
            ));
        }
        self.iam(&format!("the provider {issuer}"), &fields)
    }

    /// Makes a role, and attaches what it may.
    pub(super) fn add_role(&self, role: &Role) -> Result<(), Error> {
        let what = format!("the role {}", role.name);
        // Without a space, which this release does not read out of a form.
        let mut fields = vec![
            ("Action".to_owned(), "CreateRole".to_owned()),
            ("RoleName".to_owned(), role.name.clone()),
            ("Path".to_owned(), "/".to_owned()),
            (
                "AssumeRolePolicyDocument".to_owned(),
                role.trust().to_string(),
            ),
        ];
        if let Some(longest) = role.longest {
            fields.push(("MaxSessionDuration".to_owned(), longest.to_string()));
        }
        self.iam(&what, &fields)?;
        let Some(name) = &role.buckets_of else {
            return Ok(());
        };
        let fields = [
            ("Action".to_owned(), "PutRolePolicy".to_owned()),
            ("RoleName".to_owned(), role.name.clone()),
            ("PolicyName".to_owned(), "buckets".to_owned()),
            ("PolicyDocument".to_owned(), permissions(name).to_string()),
        ];
        self.iam(&format!("the policy of {what}"), &fields)
    }

    fn iam(&self, what: &str, fields: &[(String, String)]) -> Result<(), Error> {
        let fields = fields.iter().map(|(name, value)| (name, value));
        let request = Request::form(&format!("{}/", self.url()), fields)?;
        let answer = self
            .client
            .send(&self.administrator().sign("iam", request))?;
        if answer.status() == 200 {
            return Ok(());
        }
        Err(Error::Refused {
            what: what.to_owned(),
            status: answer.status(),
            said: answer.text(),
        })
    }
}
