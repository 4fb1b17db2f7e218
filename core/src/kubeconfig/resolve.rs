use std::{collections::BTreeMap, path::Path};

use super::{
    Connection, Credential, Error, ExecCluster, Impersonation, Overrides, Trust,
    file::{Cluster, Context, Entry, Kubeconfig, User, given, material, origin},
    in_cluster::{InCluster, MOUNT},
    user,
};
use crate::{
    words::Namespace,
    world::{Endpoint, World, read_file},
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

fn resolve_with_mount(
    overrides: &Overrides,
    world: &World,
    mount: &Path,
) -> Result<Connection, Error> {
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
    let context = name
        .map(|name| entry("context", &files.contexts, name))
        .transpose()?;
    let value = |read: fn(&Context) -> &Option<String>| {
        context.and_then(|context| given(read(&context.value)))
    };

    let cluster = match given(&overrides.cluster) {
        Some(name) => Some(entry("cluster", &files.clusters, name)?),
        None => match value(|context| &context.cluster) {
            Some(name) if overrides.server.is_none() => {
                Some(entry("cluster", &files.clusters, name)?)
            }
            Some(name) => files.clusters.get(name),
            None => None,
        },
    };
    let user = given(&overrides.user).or(value(|context| &context.user));
    Ok(Chosen {
        context: name,
        cluster,
        user: user
            .map(|name| entry("user", &files.users, name))
            .transpose()?,
        namespace: context
            .and_then(|context| Some((given(&context.value.namespace)?, context.file.as_path()))),
    })
}

fn entry<'a, T>(
    what: &'static str,
    entries: &'a BTreeMap<String, Entry<T>>,
    name: &str,
) -> Result<&'a Entry<T>, Error> {
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
            let files: Vec<_> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            format!(
                "there is none in {}, and this is not a pod",
                files.join(", ")
            )
        }
    };
    Error::NotConfigured { looked }
}

fn connection(
    chosen: &Chosen<'_>,
    overrides: &Overrides,
    world: &World,
) -> Result<Connection, Error> {
    let none = Cluster::default();
    let cluster = chosen.cluster.map_or(&none, |entry| &entry.value);
    let trust = trust(chosen.cluster, overrides)?;
    let client_certificate = user::client_certificate(chosen.user, overrides)?;

    let server = given(&overrides.server)
        .or(given(&cluster.server))
        .ok_or_else(|| Error::Value {
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
        entry: origin(
            "the cluster entry",
            chosen.cluster.filter(|_| overrides.server.is_none()),
        ),
        reason: format!("{server:?}: {reason}"),
    })?;

    let tls_server_name = match &overrides.server {
        Some(_) => given(&overrides.tls_server_name),
        None => given(&overrides.tls_server_name).or(given(&cluster.tls_server_name)),
    };
    let tls_server_name = tls_server_name.map(str::to_owned);
    let explicit_proxy = given(&cluster.proxy_url).map(str::to_owned);
    let proxy_url = explicit_proxy
        .clone()
        .or_else(|| world.environment().proxy_for(&endpoint));

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
    // As in client-go: without TLS nobody is told who we are, and everybody could read it.
    let (credential, impersonation) = match endpoint.scheme.as_str() {
        "https" => (
            user::credential(chosen.user, overrides, told)?,
            user::impersonation(chosen.user, overrides)?,
        ),
        _ => (Credential::None, Impersonation::default()),
    };
    Ok(Connection {
        credential,
        server,
        tls_server_name,
        trust,
        client_certificate,
        impersonation,
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
    let Some(entry) = cluster else {
        return Ok(Trust::System);
    };
    let authorities = material(
        "certificate-authority-data",
        entry,
        entry.value.certificate_authority_data.as_deref(),
        entry.value.certificate_authority.as_deref(),
    )?;
    match (
        authorities,
        insecure.or(entry.value.insecure_skip_tls_verify),
    ) {
        (Some(_), Some(true)) => Err(Error::AuthoritiesAndInsecure),
        (Some(authorities), _) => Ok(Trust::Authorities(authorities)),
        (None, Some(true)) => Ok(Trust::Insecure),
        (None, _) => Ok(Trust::System),
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const POD: [(&str, &str); 2] = [
        ("KUBERNETES_SERVICE_HOST", "fd00::1"),
        ("KUBERNETES_SERVICE_PORT", "443"),
    ];

    fn mount(namespace: &str) -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        for (file, text) in [("token", "t"), ("ca.crt", "CA"), ("namespace", namespace)] {
            std::fs::write(mount.path().join(file), text).unwrap();
        }
        mount
    }

    fn in_pod(
        mount: &Path,
        overrides: &Overrides,
        more: &[(&str, &str)],
    ) -> Result<Connection, Error> {
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, POD.iter().chain(more).copied());
        resolve_with_mount(overrides, &world, mount)
    }

    #[test]
    fn a_pod_uses_its_service_account() {
        let mount = mount("user-me\n");
        let found = in_pod(mount.path(), &Overrides::default(), &[]).unwrap();
        assert_eq!(found.server, "https://[fd00::1]:443");
        assert_eq!(found.trust, Trust::Authorities(b"CA".to_vec()));
        assert_eq!(found.namespace.as_str(), "user-me");
        assert_eq!((found.context, found.source), (None, None));
        assert!(
            matches!(found.credential, Credential::TokenFile(path) if path == mount.path().join("token"))
        );
    }

    #[test]
    fn flags_count_in_a_pod_too() {
        let mount = mount("user-me");
        let overrides = Overrides {
            namespace: Some("other".parse().unwrap()),
            token: Some("flag".to_owned().into()),
            ..Overrides::default()
        };
        let found = in_pod(mount.path(), &overrides, &[]).unwrap();
        assert_eq!(found.namespace.as_str(), "other");
        assert!(matches!(found.credential, Credential::Token(_)));
        let found = in_pod(
            mount.path(),
            &Overrides::default(),
            &[("POD_NAMESPACE", "told")],
        )
        .unwrap();
        assert_eq!(found.namespace.as_str(), "told");
    }

    #[test]
    fn a_kubeconfig_beats_the_pod() {
        let mount = mount("user-me");
        let config = mount.path().join("config");
        std::fs::write(&config, "{current-context: c, contexts: [{name: c, context: {cluster: c}}], clusters: [{name: c, cluster: {server: 'https://lab.example'}}]}").unwrap();
        let found = in_pod(
            mount.path(),
            &Overrides::default(),
            &[("KUBECONFIG", config.to_str().unwrap())],
        )
        .unwrap();
        assert_eq!(
            (found.server.as_str(), found.namespace.as_str()),
            ("https://lab.example", "default")
        );
    }

    #[test]
    fn without_a_token_a_pod_is_no_pod() {
        let mount = mount("user-me");
        std::fs::remove_file(mount.path().join("token")).unwrap();
        assert!(matches!(
            in_pod(mount.path(), &Overrides::default(), &[]),
            Err(Error::NotConfigured { .. })
        ));
    }
}
