use std::fmt::Debug;

use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::{
    Resource,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
    core::{NamespaceResourceScope, Request as Requests},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Attempt, Cluster, Error,
    exchange::{Call, Repeat},
};
use crate::words::Namespace;

/// Who owns the fields that these tools write.
const FIELD_MANAGER: &str = "kubectl-datalab";

/// How many objects one page of a list holds: kubectl's own number.
const PAGE: u32 = 500;

/// A namespaced object of the API.
pub trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + DeserializeOwned
    + Serialize
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Serialize
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// Whether a write is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// It is.
    #[default]
    Commit,
    /// The server checks it, admission included, and stores nothing.
    ServerDryRun,
}

/// What became of a creation.
#[derive(Clone, Debug, PartialEq)]
pub enum Creation<K> {
    /// The object as the server stored it.
    Created(K),
    /// An object of that name was there; it is as it was.
    AlreadyExists,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Page<T> {
    #[serde(default)]
    metadata: ListMeta,
    /// An empty list of metadata comes as `null`; an answer without the field is no list.
    #[serde(deserialize_with = "Option::deserialize")]
    items: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct MetadataOnly {
    metadata: ObjectMeta,
}

impl Cluster {
    /// Reads an object; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn get<K: Object>(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<K>, Error> {
        let attempt = attempt::<K>("get", namespace).on(name);
        segment(&attempt, name)?;
        let request = requests::<K>(namespace).get(name, &Default::default());
        match self.call(call(attempt, request, Repeat::Always)?).await {
            Err(Error::NotFound { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    /// Reads all objects that a label selector matches; an empty one matches all.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn list<K: Object>(
        &self,
        namespace: &Namespace,
        labels: &str,
    ) -> Result<Vec<K>, Error> {
        self.pages::<K, K>(namespace, labels, Requests::list).await
    }

    /// Reads the metadata of all objects that a label selector matches; nothing else of them goes
    /// over the wire.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn list_metadata<K: Object>(
        &self,
        namespace: &Namespace,
        labels: &str,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let items = self
            .pages::<K, MetadataOnly>(namespace, labels, Requests::list_metadata)
            .await?;
        Ok(items.into_iter().map(|item| item.metadata).collect())
    }

    async fn pages<K: Object, T: DeserializeOwned>(
        &self,
        namespace: &Namespace,
        labels: &str,
        request: impl Fn(&Requests, &ListParams) -> Result<Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Vec<T>, Error> {
        let attempt = attempt::<K>("list", namespace);
        let requests = requests::<K>(namespace);
        let selected = ListParams {
            label_selector: Some(labels.to_owned()).filter(|labels| !labels.is_empty()),
            ..ListParams::default()
        };
        let mut parameters = selected.clone().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = call(
                attempt.clone(),
                request(&requests, &parameters),
                Repeat::Always,
            )?;
            let page: Page<T> = match self.call(page).await {
                // The first pages are too old to be continued; without a limit there is but one.
                Err(Error::Gone { .. }) if parameters.continue_token.is_some() => {
                    parameters = selected.clone();
                    all.clear();
                    continue;
                }
                page => page?,
            };
            all.extend(page.items.into_iter().flatten());
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters.continue_token = Some(token),
                None => return Ok(all),
            }
        }
    }

    /// Creates an object, unless one of its name is there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn create<K: Object>(
        &self,
        namespace: &Namespace,
        object: &K,
        mode: WriteMode,
    ) -> Result<Creation<K>, Error> {
        let attempt = named(attempt::<K>("create", namespace), object);
        let request = requests::<K>(namespace).create(&post(mode), body(&attempt, object)?);
        match self.call(call(attempt, request, Repeat::IfNotSeen)?).await {
            Err(Error::AlreadyExists { .. }) => Ok(Creation::AlreadyExists),
            created => created.map(Creation::Created),
        }
    }

    /// Applies an object on the server: creates it, or changes the fields that it names and gives
    /// up those that it named before. Nobody else's fields are taken.
    ///
    /// # Errors
    /// [`Error::Conflict`] names the manager of a field that has another value; or any other.
    pub async fn apply<K: Object>(
        &self,
        namespace: &Namespace,
        object: &K,
        mode: WriteMode,
    ) -> Result<K, Error> {
        let parameters = PatchParams::apply(FIELD_MANAGER);
        self.server_side_apply(namespace, object, parameters, mode)
            .await
    }

    /// As [`Cluster::apply`], taking back the fields that somebody else changed: for objects that
    /// are ours.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the object holds a resourceVersion that is not the current one; or
    /// any other.
    pub async fn restore<K: Object>(
        &self,
        namespace: &Namespace,
        object: &K,
        mode: WriteMode,
    ) -> Result<K, Error> {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        self.server_side_apply(namespace, object, parameters, mode)
            .await
    }

    async fn server_side_apply<K: Object>(
        &self,
        namespace: &Namespace,
        object: &K,
        parameters: PatchParams,
        mode: WriteMode,
    ) -> Result<K, Error> {
        let attempt = named(attempt::<K>("patch", namespace), object);
        let parameters = PatchParams {
            dry_run: mode == WriteMode::ServerDryRun,
            ..parameters
        };
        let name = attempt.name.clone().unwrap_or_default();
        segment(&attempt, &name)?;
        let request = requests::<K>(namespace).patch(&name, &parameters, &Patch::Apply(object));
        self.call(call(attempt, request, Repeat::IfNotSeen)?).await
    }

    /// Replaces an object, if it is still the version that it was read as.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it changed in between; or any other.
    pub async fn replace<K: Object>(
        &self,
        namespace: &Namespace,
        object: &K,
        mode: WriteMode,
    ) -> Result<K, Error> {
        let attempt = named(attempt::<K>("update", namespace), object);
        if object.meta().resource_version.is_none() {
            return Err(Error::Malformed {
                attempt,
                reason: "the object has no resourceVersion to be guarded by".to_owned(),
            });
        }
        let name = attempt.name.clone().unwrap_or_default();
        segment(&attempt, &name)?;
        let request = requests::<K>(namespace).replace(&name, &post(mode), body(&attempt, object)?);
        self.call(call(attempt, request, Repeat::IfNotSeen)?).await
    }

    /// Deletes an object, and in the background what depends on it; `false` when there was none.
    /// With a UID, only the very object that was read before.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another object now has the name; or any other.
    pub async fn delete<K: Object>(
        &self,
        namespace: &Namespace,
        name: &str,
        uid: Option<&str>,
        mode: WriteMode,
    ) -> Result<bool, Error> {
        let attempt = attempt::<K>("delete", namespace).on(name);
        segment(&attempt, name)?;
        let parameters = DeleteParams {
            dry_run: mode == WriteMode::ServerDryRun,
            preconditions: uid.map(|uid| Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        let request = requests::<K>(namespace).delete(name, &parameters);
        // The answer is the object, or a Status: which one is up to the resource.
        match self
            .call::<serde::de::IgnoredAny>(call(attempt, request, Repeat::IfNotSeen)?)
            .await
        {
            Err(Error::NotFound { .. }) => Ok(false),
            deleted => deleted.map(|_| true),
        }
    }
}

/// Makes sure that a name stays one segment of a URL's path; what names are good is the server's
/// business.
pub(super) fn segment(attempt: &Attempt, name: &str) -> Result<(), Error> {
    let strays = |character: char| {
        character.is_whitespace() || character.is_control() || "/%?#\\".contains(character)
    };
    if name.is_empty() || matches!(name, "." | "..") || name.contains(strays) {
        return Err(Error::Malformed {
            attempt: Box::new(attempt.clone()),
            reason: format!("{name:?} is not the name of an object"),
        });
    }
    Ok(())
}

pub(super) fn call(
    attempt: Box<Attempt>,
    request: Result<Request<Vec<u8>>, kube::core::request::Error>,
    repeat: Repeat,
) -> Result<Call, Error> {
    match request {
        Ok(request) => Ok(Call {
            attempt,
            request,
            repeat,
        }),
        Err(error) => Err(Error::Malformed {
            attempt,
            reason: error.to_string(),
        }),
    }
}

fn attempt<K: Object>(verb: &'static str, namespace: &Namespace) -> Box<Attempt> {
    Attempt::new(verb, &K::plural(&())).within(namespace)
}

fn named<K: Object>(attempt: Box<Attempt>, object: &K) -> Box<Attempt> {
    match object.meta().name.as_deref() {
        Some(name) => attempt.on(name),
        None => attempt,
    }
}

fn requests<K: Object>(namespace: &Namespace) -> Requests {
    Requests::new(K::url_path(&(), Some(namespace.as_str())))
}

fn post(mode: WriteMode) -> PostParams {
    PostParams {
        dry_run: mode == WriteMode::ServerDryRun,
        field_manager: Some(FIELD_MANAGER.to_owned()),
    }
}

pub(super) fn body<T: Serialize>(attempt: &Attempt, object: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(object).map_err(|error| Error::Malformed {
        attempt: Box::new(attempt.clone()),
        reason: error.to_string(),
    })
}
