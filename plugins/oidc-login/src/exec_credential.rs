//! kubectl's question and answer.
//!
//! <https://kubernetes.io/docs/reference/config-api/client-authentication.v1/>

use data_encoding::BASE64;
use datalab_core::{
    oidc::Way,
    report::{Failure, Kind},
    world::World,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::warm::EXEC_INFO;

const KIND: &str = "ExecCredential";

/// What is answered when nobody says which version they read.
const DEFAULT_VERSION: &str = "client.authentication.k8s.io/v1";

/// The versions that differ in nothing that matters here.
const VERSIONS: [&str; 2] = [DEFAULT_VERSION, "client.authentication.k8s.io/v1beta1"];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The `apiVersion` of question and answer.
    pub(crate) version: &'static str,
    /// Whether kubectl asks, rather than a person or a script.
    pub(crate) by_kubectl: bool,
    /// The API server that the token is for, with the way to it, where the kubeconfig lets kubectl
    /// tell.
    pub(crate) server: Option<String>,
    /// Whether a person may be asked: kubectl has left them the terminal.
    pub(crate) may_ask: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    interactive: bool,
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    proxy_url: Option<String>,
    tls_server_name: Option<String>,
}

impl Cluster {
    /// The server with the way that the kubeconfig leads to it.
    fn destination(&self) -> String {
        let authorities = self.certificate_authority_data.as_ref().map(|data| {
            let decoded = BASE64.decode(data.as_bytes());
            decoded.unwrap_or_else(|_| data.clone().into_bytes())
        });
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (proxy, tls_server_name) = (given(&self.proxy_url), given(&self.tls_server_name));
        let way = Way {
            authorities: authorities.as_deref().filter(|pem| !pem.is_empty()),
            is_insecure: self.insecure_skip_tls_verify,
            proxy: proxy.as_deref(),
            tls_server_name: tls_server_name.as_deref(),
        };
        way.to(&self.server)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    expiration_timestamp: String,
    token: &'a str,
}

impl Asked {
    /// Reads what kubectl has put into the environment.
    pub(crate) fn read(world: &World) -> Result<Self, Failure> {
        match world.environment().text(EXEC_INFO) {
            Some(text) => Self::parse(text).map_err(|problem| {
                Failure::new(
                    Kind::Usage,
                    format!("{EXEC_INFO} cannot be used: {problem}"),
                )
                .detail("kubectl sets it; unset it to call the command by hand")
            }),
            None => Ok(Self {
                version: DEFAULT_VERSION,
                by_kubectl: false,
                server: None,
                may_ask: true,
            }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document: Document = serde_json::from_str(text)
            .map_err(|error| format!("it is not an {KIND} as JSON ({error})"))?;
        if document.kind != KIND {
            return Err(format!("it holds the kind {:?}, not {KIND}", document.kind));
        }
        let version = VERSIONS
            .into_iter()
            .find(|version| *version == document.api_version)
            .ok_or_else(|| {
                let known = VERSIONS.join(" and ");
                format!(
                    "it asks for {:?}, and known are {known}",
                    document.api_version
                )
            })?;
        Ok(Self {
            version,
            by_kubectl: true,
            server: document.spec.cluster.map(|cluster| cluster.destination()),
            may_ask: document.spec.interactive,
        })
    }

    /// The answer, in one line.
    pub(crate) fn answer(&self, token: &str, expires: Timestamp) -> String {
        let status = Status {
            // Whole seconds: that is what RFC 3339 means to all who read it.
            expiration_timestamp: Timestamp::from_second(expires.as_second())
                .unwrap_or(expires)
                .to_string(),
            token,
        };
        let mut text = json!({
            "kind": KIND,
            "apiVersion": self.version,
            "spec": { "interactive": false },
            "status": status,
        })
        .to_string();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_answered_in_kind() {
        for version in VERSIONS {
            let text = format!(
                r#"{{"kind":"ExecCredential","apiVersion":"{version}","spec":{{"cluster":{{"server":"https://a"}},"interactive":true}}}}"#
            );
            let asked = Asked::parse(&format!("{text}\n")).unwrap();
            assert_eq!(asked.server.as_deref(), Some("https://a"));
            let expires = "2026-11-21T12:00:00.9Z".parse().unwrap();
            assert_eq!(
                asked.answer("t", expires),
                format!(
                    "{{\"kind\":\"ExecCredential\",\"apiVersion\":\"{version}\",\"spec\":{{\"interactive\":false}},\
                     \"status\":{{\"expirationTimestamp\":\"2026-11-21T12:00:00Z\",\"token\":\"t\"}}}}\n"
                )
            );
        }
    }

    #[test]
    fn what_cannot_be_answered_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"kind":"Pod","apiVersion":"v1"}"#,
            r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1alpha1"}"#,
        ] {
            assert!(Asked::parse(text).is_err(), "{text}");
        }
    }
}
