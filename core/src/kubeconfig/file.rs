use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Error, Overrides};
use crate::{
    words::Secret,
    world::{FileError, World, read_file, read_text},
};

/// The kubeconfig files, merged: whatever several files say, the first one wins, entry by entry.
#[derive(Debug, Default)]
pub(super) struct Kubeconfig {
    pub(super) current_context: Option<String>,
    pub(super) contexts: BTreeMap<String, Entry<Context>>,
    pub(super) clusters: BTreeMap<String, Entry<Cluster>>,
    pub(super) users: BTreeMap<String, Entry<User>>,
    /// The files that were looked for, whether or not they are there.
    pub(super) looked: Vec<PathBuf>,
}

/// An entry and the file that it comes from: its paths are relative to that file.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) value: T,
    pub(super) file: PathBuf,
}

impl<T> Entry<T> {
    /// A path of the entry, as seen from the working directory.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        // Without the dots that say "here", which the reader of an error can do without.
        directory.join(path).components().collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Document {
    current_context: Option<String>,
    contexts: Option<Vec<NamedContext>>,
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedUser>>,
}

#[derive(Debug, Deserialize)]
struct NamedContext {
    name: String,
    context: Option<Context>,
}

#[derive(Debug, Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Option<Cluster>,
}

#[derive(Debug, Deserialize)]
struct NamedUser {
    name: String,
    user: Option<User>,
}

/// What to combine.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Context {
    pub(super) cluster: Option<String>,
    pub(super) user: Option<String>,
    pub(super) namespace: Option<String>,
}

/// Where to go.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Cluster {
    pub(super) server: Option<String>,
    pub(super) tls_server_name: Option<String>,
    pub(super) insecure_skip_tls_verify: Option<bool>,
    pub(super) certificate_authority: Option<String>,
    pub(super) certificate_authority_data: Option<String>,
    pub(super) proxy_url: Option<String>,
    pub(super) extensions: Option<Vec<Extension>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) extension: Option<Value>,
}

/// Whom to be.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct User {
    pub(super) client_certificate: Option<String>,
    pub(super) client_certificate_data: Option<String>,
    pub(super) client_key: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(super) client_key_data: Option<Secret<String>>,
    #[serde(deserialize_with = "secret")]
    pub(super) token: Option<Secret<String>>,
    #[serde(rename = "tokenFile")]
    pub(super) token_file: Option<String>,
    #[serde(rename = "as")]
    pub(super) as_user: Option<String>,
    pub(super) as_uid: Option<String>,
    pub(super) as_groups: Option<Vec<String>>,
    pub(super) as_user_extra: Option<BTreeMap<String, Vec<String>>>,
    pub(super) username: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(super) password: Option<Secret<String>>,
    pub(super) auth_provider: Option<AuthProvider>,
    pub(super) exec: Option<Exec>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AuthProvider {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exec {
    pub(super) command: Option<String>,
    pub(super) args: Option<Vec<String>>,
    pub(super) env: Option<Vec<ExecVariable>>,
    pub(super) api_version: Option<String>,
    pub(super) install_hint: Option<String>,
    pub(super) provide_cluster_info: Option<bool>,
    pub(super) interactive_mode: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ExecVariable {
    pub(super) name: String,
    pub(super) value: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|value| value.map(Secret::new))
}

impl Kubeconfig {
    /// Reads and merges the files that the command line, else `KUBECONFIG`, else the home directory
    /// names. A file of the command line must exist; any other may be missing.
    pub(super) fn load(overrides: &Overrides, world: &World) -> Result<Self, Error> {
        let mut merged = Self::default();
        if let Some(file) = &overrides.kubeconfig {
            merged.add(file, &read_text(file)?)?;
            merged.looked.push(file.clone());
            return Ok(merged);
        }
        for file in files(world) {
            match read_text(&file) {
                Ok(text) => merged.add(&file, &text)?,
                Err(FileError { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
            merged.looked.push(file);
        }
        Ok(merged)
    }

    pub(super) fn add(&mut self, file: &Path, text: &str) -> Result<(), Error> {
        // A snippet of the file in the error could hold a token.
        let options = serde_yaml::options! { with_snippet: false };
        let document: Option<Document> =
            serde_yaml::from_str_with_options(text, options).map_err(|error| Error::Malformed {
                file: file.to_owned(),
                reason: error.to_string(),
            })?;
        let document = document.unwrap_or_default();
        self.current_context = self
            .current_context
            .take()
            .or(document.current_context)
            .filter(|name| !name.is_empty());
        let contexts = document
            .contexts
            .unwrap_or_default()
            .into_iter()
            .map(|named| (named.name, named.context));
        keep_first(&mut self.contexts, file, contexts);
        let clusters = document
            .clusters
            .unwrap_or_default()
            .into_iter()
            .map(|named| (named.name, named.cluster));
        keep_first(&mut self.clusters, file, clusters);
        let users = document
            .users
            .unwrap_or_default()
            .into_iter()
            .map(|named| (named.name, named.user));
        keep_first(&mut self.users, file, users);
        Ok(())
    }
}

fn keep_first<T: Default>(
    entries: &mut BTreeMap<String, Entry<T>>,
    file: &Path,
    added: impl Iterator<Item = (String, Option<T>)>,
) {
    for (name, value) in added {
        entries.entry(name).or_insert_with(|| Entry {
            value: value.unwrap_or_default(),
            file: file.to_owned(),
        });
    }
}

/// The list of `KUBECONFIG` without empty and repeated entries; without one, the home directory's
/// file.
pub(super) fn files(world: &World) -> Vec<PathBuf> {
    let environment = world.environment();
    let Some(list) = environment.get("KUBECONFIG") else {
        return environment
            .home()
            .map(|home| home.join(".kube/config"))
            .into_iter()
            .collect();
    };
    let mut seen = HashSet::new();
    std::env::split_paths(list)
        .filter(|path| !path.as_os_str().is_empty() && seen.insert(path.clone()))
        .collect()
}

/// PEM that an entry holds itself, or the file that it names; what it holds itself wins.
pub(super) fn material<T>(
    key: &'static str,
    entry: &Entry<T>,
    data: Option<&str>,
    file: Option<&str>,
) -> Result<Option<Vec<u8>>, Error> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let packed: Vec<u8> = data
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let decoded = BASE64.decode(&packed).map_err(|error| Error::Value {
            key,
            entry: entry.file.display().to_string(),
            reason: format!("it is not base64: {error}"),
        })?;
        return Ok(Some(decoded));
    }
    match file.filter(|file| !file.is_empty()) {
        Some(file) => Ok(Some(read_file(&entry.path(file))?)),
        None => Ok(None),
    }
}

pub(super) fn origin<T>(what: &str, entry: Option<&Entry<T>>) -> String {
    match entry {
        Some(entry) => format!("{what} in {}", entry.file.display()),
        None => "the command line".to_owned(),
    }
}

/// Go's rule: an empty value is none.
pub(super) fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}
