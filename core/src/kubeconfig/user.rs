//! Whom to be: the user entry and the flags that stand above it.

use std::path::PathBuf;

use super::{
    ClientCertificate, Credential, Error, ExecCluster, ExecSpec, ExecVersion, Impersonation,
    InteractiveMode, Overrides,
    file::{Entry, Exec, User, given, material, origin},
};
use crate::{words::Secret, world::read_file};

pub(super) fn client_certificate(
    user: Option<&Entry<User>>,
    overrides: &Overrides,
) -> Result<Option<ClientCertificate>, Error> {
    let (data, file, key_data, key_file) = match user {
        None => (None, None, None, None),
        Some(entry) => {
            let user = &entry.value;
            (
                user.client_certificate_data.as_deref(),
                user.client_certificate.as_deref(),
                user.client_key_data
                    .as_ref()
                    .map(|key| key.expose().as_str()),
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

/// What the command line says, else what the user entry holds; a file with a token wins over a
/// token, and both over a plugin, as in client-go.
pub(super) fn credential(
    user: Option<&Entry<User>>,
    overrides: &Overrides,
    told: ExecCluster,
) -> Result<Credential, Error> {
    if let Some(token) = &overrides.token {
        return Ok(Credential::Token(token.clone()));
    }
    let Some(entry) = user else {
        return Ok(Credential::None);
    };
    let user = &entry.value;
    if let Some(file) = given(&user.token_file) {
        return Ok(Credential::TokenFile(entry.path(file)));
    }
    if let Some(token) = user
        .token
        .as_ref()
        .filter(|token| !token.expose().is_empty())
    {
        return Ok(Credential::Token(token.clone()));
    }
    if let Some(username) = given(&user.username) {
        return Ok(Credential::Basic {
            username: username.to_owned(),
            password: user
                .password
                .clone()
                .unwrap_or_else(|| Secret::new(String::new())),
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
    let command =
        given(&exec.command).ok_or_else(|| wrong("exec.command", "it is empty".to_owned()))?;
    let version = match given(&exec.api_version) {
        Some("client.authentication.k8s.io/v1") => ExecVersion::V1,
        Some("client.authentication.k8s.io/v1beta1") => ExecVersion::V1Beta1,
        other => {
            let found = other.unwrap_or_default();
            return Err(wrong(
                "exec.apiVersion",
                format!("{found:?} is neither client.authentication.k8s.io/v1 nor v1beta1"),
            ));
        }
    };
    let interactive_mode = match (given(&exec.interactive_mode), version) {
        (Some("Never"), _) => InteractiveMode::Never,
        (Some("Always"), _) => InteractiveMode::Always,
        (Some("IfAvailable"), _) | (None, ExecVersion::V1Beta1) => InteractiveMode::IfAvailable,
        (other, _) => {
            let found = other.unwrap_or_default();
            return Err(wrong(
                "exec.interactiveMode",
                format!("{found:?} is none of Never, IfAvailable and Always"),
            ));
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
        cluster: exec
            .provide_cluster_info
            .unwrap_or_default()
            .then_some(told),
    })
}

pub(super) fn impersonation(
    user: Option<&Entry<User>>,
    overrides: &Overrides,
) -> Result<Impersonation, Error> {
    let none = User::default();
    let value = user.map_or(&none, |entry| &entry.value);
    let either =
        |flag: &Option<String>, key: &Option<String>| given(flag).or(given(key)).map(str::to_owned);
    let whom = Impersonation {
        user: either(&overrides.as_user, &value.as_user),
        uid: either(&overrides.as_uid, &value.as_uid),
        groups: match overrides.as_groups.as_slice() {
            [] => value.as_groups.clone().unwrap_or_default(),
            groups => groups.to_vec(),
        },
        extra: value.as_user_extra.clone().unwrap_or_default(),
    };
    let Impersonation {
        user: name,
        uid,
        groups,
        extra,
    } = &whom;
    if name.is_none() && (uid.is_some() || !groups.is_empty() || !extra.is_empty()) {
        let by_flag = overrides.as_uid.is_some() || !overrides.as_groups.is_empty();
        return Err(Error::Value {
            key: "the impersonation",
            entry: origin("the user entry", user.filter(|_| !by_flag)),
            reason: "it names groups, a UID or more, but no user (--as)".to_owned(),
        });
    }
    Ok(whom)
}
