use std::fmt;

use futures::future::try_join_all;
use http::Request;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        authentication::v1::{SelfSubjectReview, UserInfo},
        authorization::v1::{
            LocalSubjectAccessReview, ResourceAttributes, SelfSubjectAccessReview,
            SelfSubjectAccessReviewSpec, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
            SubjectAccessReviewSpec, SubjectAccessReviewStatus,
        },
    },
    apimachinery::pkg::version::Info,
};
use kube::{Resource, core::Request as Requests};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Attempt, Cluster, Error,
    exchange::Repeat,
    object::{body, call},
    rules,
};
use crate::words::Namespace;

/// Something that may or may not be allowed, in the words of RBAC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// `get`, `list`, `create`, ...
    pub verb: String,
    /// The API group; empty for the core one.
    pub group: String,
    /// The resource in the plural, with its subresource if there is one: `pods/portforward`.
    pub resource: String,
    /// The object; `None` for all of them.
    pub name: Option<String>,
}

impl Access {
    /// Access to all objects of a resource.
    pub fn new(verb: &str, group: &str, resource: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            name: None,
        }
    }

    /// The same, for one object.
    #[must_use]
    pub fn on(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    #[cfg(test)]
    pub(super) fn maybe_on(mut self, name: Option<&str>) -> Self {
        self.name = name.map(str::to_owned);
        self
    }

    fn attributes(&self, namespace: &Namespace) -> ResourceAttributes {
        let (resource, subresource) = match self.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (self.resource.as_str(), None),
        };
        ResourceAttributes {
            verb: Some(self.verb.clone()),
            group: Some(self.group.clone()),
            resource: Some(resource.to_owned()),
            subresource,
            name: self.name.clone(),
            namespace: Some(namespace.to_string()),
            ..ResourceAttributes::default()
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.name {
            Some(name) => write!(f, " {name:?}"),
            None => Ok(()),
        }
    }
}

/// Who somebody is to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// The groups.
    pub groups: Vec<String>,
}

/// What an access review says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub allowed: bool,
    /// Why, in the authorizer's words; may be empty.
    pub reason: String,
}

impl Cluster {
    /// Which of these accesses we do not have. The rules are read once; what they do not allow is
    /// asked for one by one, because another authorizer's rules may be missing from them.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn permitted(
        &self,
        namespace: &Namespace,
        wanted: &[Access],
    ) -> Result<Vec<Access>, Error> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec {
                namespace: Some(namespace.to_string()),
            },
            ..SelfSubjectRulesReview::default()
        };
        let review: SelfSubjectRulesReview = self.ask(None, &review).await?;
        let rules = review
            .status
            .map(|status| status.resource_rules)
            .unwrap_or_default();
        let open = wanted.iter().filter(|access| !rules::allow(&rules, access));
        let asked = try_join_all(open.map(|access| async move {
            let review = SelfSubjectAccessReview {
                spec: SelfSubjectAccessReviewSpec {
                    resource_attributes: Some(access.attributes(namespace)),
                    ..SelfSubjectAccessReviewSpec::default()
                },
                ..SelfSubjectAccessReview::default()
            };
            let review: SelfSubjectAccessReview = self.ask(None, &review).await?;
            Ok::<_, Error>((access, review.status.is_some_and(|status| status.allowed)))
        }));
        let missing = asked.await?.into_iter().filter(|(_, allowed)| !allowed);
        Ok(missing.map(|(access, _)| access.clone()).collect())
    }

    /// Whether somebody else has an access. Asking takes rights of its own.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when we may not ask; or any other.
    pub async fn review(
        &self,
        namespace: &Namespace,
        identity: &Identity,
        access: &Access,
    ) -> Result<Verdict, Error> {
        let mut review = LocalSubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(identity.user.clone()),
                groups: Some(identity.groups.clone()),
                resource_attributes: Some(access.attributes(namespace)),
                ..SubjectAccessReviewSpec::default()
            },
            ..LocalSubjectAccessReview::default()
        };
        review.metadata.namespace = Some(namespace.to_string());
        let review: LocalSubjectAccessReview = self.ask(Some(namespace), &review).await?;
        let status = review.status.unwrap_or_default();
        let SubjectAccessReviewStatus {
            allowed,
            reason,
            evaluation_error,
            ..
        } = status;
        Ok(Verdict {
            allowed,
            reason: reason.or(evaluation_error).unwrap_or_default(),
        })
    }

    /// Who the API server takes us for.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn who_am_i(&self) -> Result<Identity, Error> {
        let review: SelfSubjectReview = self.ask(None, &SelfSubjectReview::default()).await?;
        let UserInfo {
            username, groups, ..
        } = review
            .status
            .and_then(|status| status.user_info)
            .unwrap_or_default();
        Ok(Identity {
            user: username.unwrap_or_default(),
            groups: groups.unwrap_or_default(),
        })
    }

    /// The API server's time: by the `Date` of its last answer, to the second; it is asked when
    /// there was none.
    ///
    /// # Errors
    /// [`Error`], also when the server sends no date.
    pub async fn server_time(&self) -> Result<Timestamp, Error> {
        if let Some(time) = self.shared.time() {
            return Ok(time);
        }
        self.version().await?;
        self.shared.time().ok_or_else(|| Error::Server {
            attempt: Attempt::new("get", "/version"),
            code: 200,
            message: "there is no Date in the answer".to_owned(),
        })
    }

    /// The API server's version, major and minor.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn server_version(&self) -> Result<(u32, u32), Error> {
        let Info { major, minor, .. } = self.version().await?;
        // Managed clusters add a plus to the minor version.
        let number = |text: &str| {
            text.trim_end_matches(|last: char| !last.is_ascii_digit())
                .parse()
                .ok()
        };
        number(&major)
            .zip(number(&minor))
            .ok_or_else(|| Error::Server {
                attempt: Attempt::new("get", "/version"),
                code: 200,
                message: format!("{major:?}.{minor:?} is not a version"),
            })
    }

    async fn version(&self) -> Result<Info, Error> {
        let attempt = Attempt::new("get", "/version");
        let request = Request::get("/version")
            .body(Vec::new())
            .map_err(kube::core::request::Error::BuildRequest);
        self.call(call(attempt, request, Repeat::Always)?).await
    }

    /// A review: created, answered and forgotten, so it may be asked again.
    async fn ask<K>(&self, namespace: Option<&Namespace>, review: &K) -> Result<K, Error>
    where
        K: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
    {
        let mut attempt = Attempt::new("create", &K::plural(&()));
        attempt.namespace = namespace.cloned();
        let requests = Requests::new(K::url_path(&(), namespace.map(Namespace::as_str)));
        let request = requests.create(&Default::default(), body(&attempt, review)?);
        self.call(call(attempt, request, Repeat::Always)?).await
    }
}
