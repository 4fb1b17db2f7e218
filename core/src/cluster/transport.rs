//! From a connection to kube's client, and from kube's errors to ours.

use std::{error::Error as StdError, io, time::Duration};

use data_encoding::BASE64;
use http::{HeaderValue, Uri, header::USER_AGENT};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{Attempt, Error, answer, credential::Obtained};
use crate::kubeconfig::{ClientCertificate, Connection, Credential, Trust};

/// How long a connection may take to be made, TLS included: a server that is there answers within
/// three round trips, and a packet filter that swallows them must not hold a terminal for minutes.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A client for the connection; `obtained` is what its credential plugin handed out.
pub(super) fn client(
    connection: &Connection,
    agent: &HeaderValue,
    obtained: Option<&Obtained>,
) -> Result<kube::Client, Error> {
    // Somebody may have installed a provider already; whichever it is serves.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let mut config = kube::Config::new(uri("the server's URL", &connection.server)?);
    config.default_namespace = connection.namespace.to_string();
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.default_retry = false;
    config.headers = vec![(USER_AGENT, agent.clone())];
    config.tls_server_name = connection.tls_server_name.clone();
    config.proxy_url = connection.proxy_url.as_deref().map(proxy).transpose()?;
    match &connection.trust {
        Trust::System => {}
        Trust::Insecure => {
            config.accept_invalid_certs = true;
            // Without this, the operating system's authorities are read for nothing.
            config.root_cert = Some(Vec::new());
        }
        Trust::Authorities(pem) => config.root_cert = Some(authorities(pem)?),
    }

    let who = &mut config.auth_info;
    match &connection.credential {
        Credential::None => {}
        Credential::Token(token) => who.token = Some(token.expose().clone().into()),
        Credential::TokenFile(path) => who.token_file = Some(path.display().to_string()),
        Credential::Basic { username, password } => {
            who.username = Some(username.clone());
            who.password = Some(password.expose().clone().into());
        }
        Credential::Exec(_) => {
            let token = obtained.and_then(|obtained| obtained.token.as_ref());
            who.token = token.map(|token| token.expose().clone().into());
        }
    }
    let issued = obtained.and_then(|obtained| obtained.certificate.as_ref());
    if let Some(ClientCertificate { certificate, key }) =
        issued.or(connection.client_certificate.as_ref())
    {
        who.client_certificate_data = Some(BASE64.encode(certificate));
        who.client_key_data = Some(BASE64.encode(key.expose()).into());
    }
    let as_whom = connection.impersonation.clone();
    who.impersonate = as_whom.user;
    who.impersonate_uid = as_whom.uid;
    who.impersonate_groups = Some(as_whom.groups).filter(|groups| !groups.is_empty());
    who.impersonate_user_extra = Some(as_whom.extra.into_iter().collect());

    kube::Client::try_from(config).map_err(|error| {
        let what = match &error {
            kube::Error::RustlsTls(_) => "the TLS configuration",
            kube::Error::Auth(_) => "the credential",
            _ => "the connection",
        };
        Error::Configuration {
            what: what.to_owned(),
            reason: innermost(&error),
        }
    })
}

/// Where requests go, for errors: a proxy's URL may hold a password, its address does not.
pub(super) fn place(connection: &Connection) -> String {
    let through = connection
        .proxy_url
        .as_deref()
        .and_then(|url| proxy(url).ok());
    match through
        .as_ref()
        .and_then(|proxy| Some((proxy.host()?, proxy.port_u16())))
    {
        Some((host, Some(port))) => {
            format!("{} (through the proxy {host}:{port})", connection.server)
        }
        Some((host, None)) => format!("{} (through the proxy {host})", connection.server),
        None => connection.server.clone(),
    }
}

/// A proxy's URL, none of which an error may show.
fn proxy(url: &str) -> Result<Uri, Error> {
    // The name is resolved by the proxy either way, which is what the h stands for.
    let url = url.replacen("socks5h://", "socks5://", 1);
    let known = uri("the proxy's URL", &url)?;
    let has_port = known.port().is_some();
    match known.scheme_str() {
        Some("socks5") if !has_port => uri(
            "the proxy's URL",
            &format!("{}:1080", url.trim_end_matches('/')),
        ),
        Some("http" | "https" | "socks5") => Ok(known),
        _ => Err(Error::Configuration {
            what: "the proxy's URL".to_owned(),
            reason: "its scheme is none of http, https and socks5".to_owned(),
        }),
    }
}

fn uri(what: &str, text: &str) -> Result<Uri, Error> {
    text.parse()
        .map_err(|error: http::uri::InvalidUri| Error::Configuration {
            what: what.to_owned(),
            reason: error.to_string(),
        })
}

fn authorities(pem: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let wrong = |reason: String| Error::Configuration {
        what: "the certificate authority of the cluster".to_owned(),
        reason,
    };
    let authorities: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("it is not PEM: {error}")))?;
    match authorities.is_empty() {
        true => Err(wrong("it holds no PEM certificate".to_owned())),
        false => Ok(authorities),
    }
}

/// Whether the server, or the way to it, took longer than it may.
fn has_timed_out(error: &kube::Error) -> bool {
    let io =
        |error: &(dyn StdError + 'static)| error.downcast_ref::<io::Error>().map(io::Error::kind);
    chain(error)
        .into_iter()
        .any(|error| io(error) == Some(io::ErrorKind::TimedOut))
}

/// An error below HTTP, or of an upgraded connection.
pub(super) fn failure(attempt: Box<Attempt>, server: &str, error: &kube::Error) -> Error {
    let server = server.to_owned();
    match error {
        kube::Error::Api(status) => return answer::of_status(attempt, status.code, status),
        kube::Error::UpgradeConnection(kube::client::UpgradeConnectionError::ProtocolSwitch(
            status,
        )) => {
            return Error::NotKubernetes {
                attempt,
                server,
                code: status.as_u16(),
                beginning: "the connection was not upgraded".to_owned(),
            };
        }
        kube::Error::Auth(_) => {
            return Error::Configuration {
                what: "the credential".to_owned(),
                reason: innermost(error),
            };
        }
        _ => {}
    }
    if let Some(error) = chain(error)
        .into_iter()
        .find_map(|error| error.downcast_ref::<rustls::Error>())
    {
        let reason = tls_reason(error);
        return Error::Tls {
            attempt,
            server,
            reason,
        };
    }
    if has_timed_out(error) {
        return Error::TimedOut {
            attempt,
            server,
            seconds: CONNECT_LIMIT.as_secs_f32(),
        };
    }
    Error::Unreachable {
        attempt,
        server,
        reason: innermost(error),
    }
}

/// Whether the request cannot have reached the server.
pub(super) fn was_not_sent(error: &kube::Error) -> bool {
    chain(error)
        .into_iter()
        .find_map(|error| error.downcast_ref::<hyper_util::client::legacy::Error>())
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

fn tls_reason(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error as Tls};
    match error {
        // Most clusters' authorities have the same name: another cluster's shows as a bad signature.
        Tls::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the server's certificate is signed by an authority that is not trusted here; the kubeconfig's certificate-authority-data may belong to another cluster".to_owned()
        }
        Tls::InvalidCertificate(CertificateError::Other(other)) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server's certificate is itself a certificate authority, which no TLS server may present; the cluster needs a server certificate signed by that authority".to_owned()
        }
        Tls::InvalidMessage(_) => "the server does not speak TLS; its URL may have to begin with http://".to_owned(),
        error => error.to_string(),
    }
}

/// The innermost error is the one that says what happened; the others say that something did.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let chain = chain(error);
    // A library's lesson in TLS tells nobody that the other side is gone.
    let is_cut = chain.iter().any(|error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    });
    if is_cut {
        return "the connection was closed before the answer".to_owned();
    }
    chain.last().map(ToString::to_string).unwrap_or_default()
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        chain.push(error);
        // An I/O error is not the source's owner, it is its wrapping.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    chain
}
