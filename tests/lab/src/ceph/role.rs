//! Roles, and whose tokens count for them, as the gateway's IAM takes them.

use serde_json::{Value, json};

use super::{Ceph, Error};
use crate::https::Request;
use crate::iam;

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
        iam::policy(&json!([statement]))
    }
}

fn without_scheme(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, rest)| rest)
}

impl Ceph {
    /// Registers an issuer, with the clients whose tokens count.
    pub(super) fn register(&self, issuer: &str, clients: &[&str]) -> Result<(), Error> {
        let numbered = |number| format!("ClientIDList.member.{number}");
        let names: Vec<String> = (1..=clients.len()).map(numbered).collect();
        let mut fields = vec![
            ("Action", "CreateOpenIDConnectProvider"),
            ("Url", issuer),
            ("ThumbprintList.member.1", THUMBPRINT),
        ];
        fields.extend(
            names
                .iter()
                .map(String::as_str)
                .zip(clients.iter().copied()),
        );
        self.iam(&format!("the provider {issuer}"), &fields)
    }

    /// Makes a role, and attaches what it may.
    pub(super) fn add_role(&self, role: &Role) -> Result<(), Error> {
        let what = format!("the role {}", role.name);
        // Without a space, which this release does not read out of a form.
        let trust = role.trust().to_string();
        let mut fields = vec![
            ("Action", "CreateRole"),
            ("RoleName", &role.name),
            ("Path", "/"),
            ("AssumeRolePolicyDocument", &trust),
        ];
        let longest = role.longest.map(|seconds| seconds.to_string());
        fields.extend(
            longest
                .iter()
                .map(|seconds| ("MaxSessionDuration", seconds.as_str())),
        );
        self.iam(&what, &fields)?;
        let Some(name) = &role.buckets_of else {
            return Ok(());
        };
        let permissions = iam::buckets_of(name).to_string();
        let fields = [
            ("Action", "PutRolePolicy"),
            ("RoleName", &role.name),
            ("PolicyName", "buckets"),
            ("PolicyDocument", &permissions),
        ];
        self.iam(&format!("the policy of {what}"), &fields)
    }

    fn iam(&self, what: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        let request = Request::form(&format!("{}/", self.url()), fields.iter().copied())?;
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
