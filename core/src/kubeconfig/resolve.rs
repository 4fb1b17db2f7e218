use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    ClientCertificate, Connection, Credential, Error, ExecCluster, ExecSpec, ExecVersion, Impersonation, InteractiveMode,
    Overrides, Trust,
    endpoint::Endpoint,
    file::{Cluster, Context, Entry, Exec, Kubeconfig, User},
    in_cluster::{InCluster, MOUNT},
    proxy,
};
use crate::{
    words::{Namespace, Secret},
    world::{World, read_file},
};

/// The name under which a cluster entry holds what its credential plugins want to know.
const EXEC_EXTENSION: &str = "client.authentication.k8s.io/exec";

/// Finds the cluster and the user that kubectl would find.
///
/// # Errors
/// [`Error`]: a file, an entry or a value is missing or wrong, or nothing is configured.
pub fn resolve(overrides: &Overrides, world: &World) -> Result<Connection, Error> {
    resolve_with_mount(overrides, world, Path::new(MOUNT))
}

fn resolve_with_mount(overrides: &Overrides, world: &World, mount: &Path) -> Result<Connection, Error> {
    let files = Kubeconfig::load(overrides, world)?;
    let chosen = choose(&files, overrides)?;
    let pod;
    let chosen = if chosen.cluster.is_none() && overrides.server.is_none() {
        pod = InCluster::detect(world, mount).ok_or_else(|| nothing(&files))?;
        Chosen {
            context: None,
            cluster: Some(&pod.cluster),
            user: chosen.user.or(Some(&pod.user)),
            namespace: pod.namespace.as_deref().map(|name| (name, mount)),
        }
    } else {
        chosen
    };
    connection(&chosen, overrides, world)
}

/// The entries that take part.
#[derive(Default)]
struct Chosen<'a> {
    context: Option<&'a str>,
    cluster: Option<&'a Entry<Cluster>>,
    user: Option<&'a Entry<User>>,
    /// With the file that names it.
    namespace: Option<(&'a str, &'a Path)>,
}

fn choose<'a>(files: &'a Kubeconfig, overrides: &'a Overrides) -> Result<Chosen<'a>, Error> {
    let name = given(&overrides.context).or(given(&files.current_context));
    let context = name.map(|name| entry("context", &files.contexts, name)).transpose()?;
    let value = |read: fn(&Context) -> &Option<String>| context.and_then(|context| given(read(&context.value)));

    let cluster = match given(&overrides.cluster) {
        Some(name) => Some(entry("cluster", &files.clusters, name)?),
        None => match value(|context| &context.cluster) {
            Some(name) if overrides.server.is_none() => Some(entry("cluster", &files.clusters, name)?),
            Some(name) => files.clusters.get(name),
            None => None,
        },
    };
    let user = given(&overrides.user).or(value(|context| &context.user));
    Ok(Chosen {
        context: name,
        cluster,
        user: user.map(|name| entry("user", &files.users, name)).transpose()?,
        namespace: context.and_then(|context| Some((given(&context.value.namespace)?, context.file.as_path()))),
    })
}

fn entry<'a, T>(what: &'static str, entries: &'a BTreeMap<String, Entry<T>>, name: &str) -> Result<&'a Entry<T>, Error> {
    entries.get(name).ok_or_else(|| Error::NoSuchEntry {
        what,
        name: name.to_owned(),
        known: entries.keys().cloned().collect(),
    })
}

fn nothing(files: &Kubeconfig) -> Error {
    if !files.contexts.is_empty() {
        return Error::NoCurrentContext {
            known: files.contexts.keys().cloned().collect(),
        };
    }
    let looked = match files.looked.as_slice() {
        [] => "neither KUBECONFIG nor HOME is set, and this is not a pod".to_owned(),
        files => {
            let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            format!("there is none in {}, and this is not a pod", files.join(", "))
        }
    };
    Error::NotConfigured { looked }
}

fn connection(chosen: &Chosen<'_>, overrides: &Overrides, world: &World) -> Result<Connection, Error> {
    let none = Cluster::default();
    let cluster = chosen.cluster.map_or(&none, |entry| &entry.value);
    let trust = trust(chosen.cluster, overrides)?;
    let client_certificate = client_certificate(chosen.user, overrides)?;

    let server = given(&overrides.server).or(given(&cluster.server)).ok_or_else(|| Error::Value {
        key: "server",
        entry: origin("the cluster entry", chosen.cluster),
        reason: "it is empty".to_owned(),
    })?;
    // kubectl's own default: TLS where anything about TLS is configured.
    let wants_tls = trust != Trust::System || client_certificate.is_some();
    let server = match server.contains("://") {
        true => server.to_owned(),
        false if wants_tls => format!("https://{server}"),
        false => format!("http://{server}"),
    };
    let endpoint = Endpoint::of(&server).and_then(|endpoint| match endpoint.scheme.as_str() {
        "http" | "https" => Ok(endpoint),
        _ => Err("its scheme is neither https nor http"),
    });
    let endpoint = endpoint.map_err(|reason| Error::Value {
        key: "server",
        entry: origin("the cluster entry", chosen.cluster.filter(|_| overrides.server.is_none())),
        reason: format!("{server:?}: {reason}"),
    })?;

    let tls_server_name = match &overrides.server {
        Some(_) => given(&overrides.tls_server_name),
        None => given(&overrides.tls_server_name).or(given(&cluster.tls_server_name)),
    };
    let tls_server_name = tls_server_name.map(str::to_owned);
    let explicit_proxy = given(&cluster.proxy_url).map(str::to_owned);
    let proxy_url = explicit_proxy.clone().or_else(|| proxy::from_environment(world.environment(), &endpoint));

    let told = ExecCluster {
        server: server.clone(),
        tls_server_name: tls_server_name.clone(),
        trust: trust.clone(),
        proxy_url: explicit_proxy,
        config: cluster
            .extensions
            .iter()
            .flatten()
            .find(|extension| extension.name == EXEC_EXTENSION)
            .and_then(|extension| extension.extension.clone()),
    };
    Ok(Connection {
        credential: credential(chosen.user, overrides, told)?,
        server,
        tls_server_name,
        trust,
        client_certificate,
        impersonation: impersonation(chosen.user, overrides),
        proxy_url,
        namespace: namespace(chosen, overrides)?,
        request_timeout: overrides.request_timeout,
        context: chosen.context.map(str::to_owned),
        source: chosen
            .cluster
            .filter(|_| chosen.context.is_some())
            .map(|entry| entry.file.clone()),
    })
}

/// The command line's word on trust, if it has one, puts all of the file's words aside.
fn trust(cluster: Option<&Entry<Cluster>>, overrides: &Overrides) -> Result<Trust, Error> {
    let insecure = overrides.insecure_skip_tls_verify;
    if insecure == Some(true) || overrides.certificate_authority.is_some() {
        return match &overrides.certificate_authority {
            None => Ok(Trust::Insecure),
            Some(_) if insecure == Some(true) => Err(Error::AuthoritiesAndInsecure),
            Some(path) => Ok(Trust::Authorities(read_file(path)?)),
        };
    }
    let Some(entry) = cluster else { return Ok(Trust::System) };
    let authorities = material(
        "certificate-authority-data",
        entry,
        entry.value.certificate_authority_data.as_deref(),
        entry.value.certificate_authority.as_deref(),
    )?;
    match (authorities, insecure.or(entry.value.insecure_skip_tls_verify)) {
        (Some(_), Some(true)) => Err(Error::AuthoritiesAndInsecure),
        (Some(authorities), _) => Ok(Trust::Authorities(authorities)),
        (None, Some(true)) => Ok(Trust::Insecure),
        (None, _) => Ok(Trust::System),
    }
}

fn client_certificate(user: Option<&Entry<User>>, overrides: &Overrides) -> Result<Option<ClientCertificate>, Error> {
    let (data, file, key_data, key_file) = match user {
        None => (None, None, None, None),
        Some(entry) => {
            let user = &entry.value;
            (
                user.client_certificate_data.as_deref(),
                user.client_certificate.as_deref(),
                user.client_key_data.as_ref().map(|key| key.expose().as_str()),
                user.client_key.as_deref(),
            )
        }
    };
    let certificate = match (&overrides.client_certificate, user) {
        (Some(path), _) => Some(read_file(path)?),
        (None, Some(entry)) => material("client-certificate-data", entry, data, file)?,
        (None, None) => None,
    };
    let key = match (&overrides.client_key, user) {
        (Some(path), _) => Some(read_file(path)?),
        (None, Some(entry)) => material("client-key-data", entry, key_data, key_file)?,
        (None, None) => None,
    };
    let entry = || origin("the user entry", user);
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(ClientCertificate {
            certificate,
            key: Secret::new(key),
        })),
        (Some(_), None) => Err(Error::Value {
            key: "client-certificate",
            entry: entry(),
            reason: "there is no client-key beside it".to_owned(),
        }),
        (None, Some(_)) => Err(Error::Value {
            key: "client-key",
            entry: entry(),
            reason: "there is no client-certificate beside it".to_owned(),
        }),
    }
}

/// PEM that an entry holds itself, or the file that it names; what it holds itself wins.
fn material<T>(key: &'static str, entry: &Entry<T>, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let packed: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let decoded = data_encoding::BASE64.decode(&packed).map_err(|error| Error::Value {
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

/// What the command line says, else what the user entry holds; a file with a token wins over a
/// token, and both over a plugin, as in client-go.
fn credential(user: Option<&Entry<User>>, overrides: &Overrides, told: ExecCluster) -> Result<Credential, Error> {
    if let Some(token) = &overrides.token {
        return Ok(Credential::Token(token.clone()));
    }
    let Some(entry) = user else { return Ok(Credential::None) };
    let user = &entry.value;
    if let Some(file) = given(&user.token_file) {
        return Ok(Credential::TokenFile(entry.path(file)));
    }
    if let Some(token) = user.token.as_ref().filter(|token| !token.expose().is_empty()) {
        return Ok(Credential::Token(token.clone()));
    }
    if let Some(username) = given(&user.username) {
        return Ok(Credential::Basic {
            username: username.to_owned(),
            password: user.password.clone().unwrap_or_else(|| Secret::new(String::new())),
        });
    }
    if let Some(exec) = &user.exec {
        return Ok(Credential::Exec(Box::new(exec_spec(exec, entry, told)?)));
    }
    match &user.auth_provider {
        Some(provider) => Err(Error::AuthProvider {
            entry: origin("the user entry", Some(entry)),
            provider: provider.name.clone(),
        }),
        None => Ok(Credential::None),
    }
}

fn exec_spec(exec: &Exec, entry: &Entry<User>, told: ExecCluster) -> Result<ExecSpec, Error> {
    let wrong = |key, reason: String| Error::Value {
        key,
        entry: origin("the user entry", Some(entry)),
        reason,
    };
    let command = given(&exec.command).ok_or_else(|| wrong("exec.command", "it is empty".to_owned()))?;
    let version = match given(&exec.api_version) {
        Some("client.authentication.k8s.io/v1") => ExecVersion::V1,
        Some("client.authentication.k8s.io/v1beta1") => ExecVersion::V1Beta1,
        other => {
            let found = other.unwrap_or_default();
            return Err(wrong("exec.apiVersion", format!("{found:?} is neither client.authentication.k8s.io/v1 nor v1beta1")));
        }
    };
    let interactive_mode = match (given(&exec.interactive_mode), version) {
        (Some("Never"), _) => InteractiveMode::Never,
        (Some("Always"), _) => InteractiveMode::Always,
        (Some("IfAvailable"), _) | (None, ExecVersion::V1Beta1) => InteractiveMode::IfAvailable,
        (other, _) => {
            let found = other.unwrap_or_default();
            return Err(wrong("exec.interactiveMode", format!("{found:?} is none of Never, IfAvailable and Always")));
        }
    };
    Ok(ExecSpec {
        // A bare name is looked up; a path is relative to the file that names it.
        command: match command.contains(std::path::is_separator) {
            true => entry.path(command),
            false => PathBuf::from(command),
        },
        arguments: exec.args.clone().unwrap_or_default(),
        environment: exec
            .env
            .iter()
            .flatten()
            .map(|variable| (variable.name.clone(), variable.value.clone()))
            .collect(),
        version,
        interactive_mode,
        install_hint: given(&exec.install_hint).map(str::to_owned),
        cluster: exec.provide_cluster_info.unwrap_or_default().then_some(told),
    })
}

fn impersonation(user: Option<&Entry<User>>, overrides: &Overrides) -> Impersonation {
    let none = User::default();
    let user = user.map_or(&none, |entry| &entry.value);
    let either = |flag: &Option<String>, key: &Option<String>| given(flag).or(given(key)).map(str::to_owned);
    Impersonation {
        user: either(&overrides.as_user, &user.as_user),
        uid: either(&overrides.as_uid, &user.as_uid),
        groups: match overrides.as_groups.as_slice() {
            [] => user.as_groups.clone().unwrap_or_default(),
            groups => groups.to_vec(),
        },
        extra: user.as_user_extra.clone().unwrap_or_default(),
    }
}

fn namespace(chosen: &Chosen<'_>, overrides: &Overrides) -> Result<Namespace, Error> {
    if let Some(namespace) = &overrides.namespace {
        return Ok(namespace.clone());
    }
    let (name, file) = chosen.namespace.unwrap_or(("default", Path::new("")));
    name.parse().map_err(|source| Error::Namespace {
        entry: match chosen.context {
            Some(context) => format!("context {context:?} in {}", file.display()),
            None => file.display().to_string(),
        },
        source,
    })
}

fn origin<T>(what: &str, entry: Option<&Entry<T>>) -> String {
    match entry {
        Some(entry) => format!("{what} in {}", entry.file.display()),
        None => "the command line".to_owned(),
    }
}

/// Go's rule: an empty value is none.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}
