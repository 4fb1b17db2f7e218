//! Credential plugins: the protocol and one run of it.
//!
//! <https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>

use std::{ffi::OsString, io};

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;
use crate::{
    kubeconfig::{ClientCertificate, ExecCluster, ExecSpec, InteractiveMode, Trust},
    words::Secret,
    world::{Program, World},
};

/// The variable that tells a plugin what is wanted.
const EXEC_INFO: &str = "KUBERNETES_EXEC_INFO";

/// A plugin, ready to be run as often as need be.
#[derive(Debug)]
pub(super) struct Plugin {
    spec: ExecSpec,
    program: Program,
    person_is_there: bool,
}

/// What a plugin hands out: a token, a client certificate, or both.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) token: Option<Secret<String>>,
    pub(super) certificate: Option<ClientCertificate>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    api_version: &'a str,
    kind: &'a str,
    spec: RequestSpec<'a>,
}

#[derive(Serialize)]
struct RequestSpec<'a> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<RequestCluster<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RequestCluster<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    insecure_skip_tls_verify: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_authority_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<&'a Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    api_version: String,
    kind: String,
    status: Option<ResponseStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    pub(super) fn new(spec: ExecSpec, world: &World) -> Self {
        let person_is_there = world.streams().person_is_there();
        let interactive = person_is_there && spec.interactive_mode != InteractiveMode::Never;
        let information = Request {
            api_version: spec.version.as_str(),
            kind: "ExecCredential",
            spec: RequestSpec {
                interactive,
                cluster: spec.cluster.as_ref().map(RequestCluster::of),
            },
        };
        let information = serde_json::json!(information).to_string();
        let program = world
            .program(spec.command.as_os_str())
            .arguments(spec.arguments.iter().map(OsString::from))
            .variables(
                spec.environment
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            )
            .variables([(EXEC_INFO, information.as_str())])
            .interactive(interactive);
        Self {
            spec,
            program,
            person_is_there,
        }
    }

    /// Runs the plugin once.
    pub(super) async fn run(&self) -> Result<Obtained, Error> {
        if self.spec.interactive_mode == InteractiveMode::Always && !self.person_is_there {
            return Err(self.failed(
                "needs a person at a terminal (interactiveMode: Always)",
                Vec::new(),
            ));
        }
        let output = self.program.output().await.map_err(|error| {
            let hint = self
                .spec
                .install_hint
                .iter()
                .map(|hint| hint.trim().to_owned())
                .collect();
            match error.source.kind() {
                io::ErrorKind::NotFound => self.failed("is not installed", hint),
                _ => self.failed(&format!("cannot be started: {}", error.source), hint),
            }
        })?;
        let said = || {
            Some(output.talk.trim().to_owned())
                .filter(|talk| !talk.is_empty())
                .into_iter()
                .collect()
        };
        match output.code {
            Some(0) => self
                .read(&output.out)
                .map_err(|problem| self.failed(&problem, said())),
            Some(code) => Err(self.failed(&format!("failed with exit code {code}"), said())),
            None => Err(self.failed("was ended by a signal", said())),
        }
    }

    fn read(&self, out: &[u8]) -> Result<Obtained, String> {
        let response: Response = serde_json::from_slice(out)
            .map_err(|error| format!("printed no ExecCredential: {}", position(&error)))?;
        let wanted = self.spec.version.as_str();
        if response.kind != "ExecCredential" || response.api_version != wanted {
            return Err(format!(
                "printed {} {} where ExecCredential {wanted} was asked for",
                response.kind, response.api_version
            ));
        }
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let status = response
            .status
            .ok_or("printed an ExecCredential without a status")?;
        let certificate = match (
            given(status.client_certificate_data),
            given(status.client_key_data),
        ) {
            (Some(certificate), Some(key)) => Some(ClientCertificate {
                certificate: certificate.into_bytes(),
                key: Secret::new(key.into_bytes()),
            }),
            (None, None) => None,
            _ => return Err("printed only one half of a client certificate and its key".to_owned()),
        };
        let token = given(status.token).map(Secret::new);
        if token.is_none() && certificate.is_none() {
            return Err("printed neither a token nor a client certificate".to_owned());
        }
        Ok(Obtained { token, certificate })
    }

    fn failed(&self, problem: &str, details: Vec<String>) -> Error {
        Error::Credential {
            command: self.spec.command.display().to_string(),
            problem: problem.to_owned(),
            details,
        }
    }
}

impl<'a> RequestCluster<'a> {
    fn of(cluster: &'a ExecCluster) -> Self {
        Self {
            server: &cluster.server,
            tls_server_name: cluster.tls_server_name.as_deref(),
            insecure_skip_tls_verify: cluster.trust == Trust::Insecure,
            certificate_authority_data: match &cluster.trust {
                Trust::Authorities(pem) => Some(BASE64.encode(pem)),
                Trust::System | Trust::Insecure => None,
            },
            proxy_url: cluster.proxy_url.as_deref(),
            config: cluster.config.as_ref(),
        }
    }
}

/// Where a JSON text goes wrong, without a word of it: it may hold a token.
pub(super) fn position(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Data => "a field is missing or of another type",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}
