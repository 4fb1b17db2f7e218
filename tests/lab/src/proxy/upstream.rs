use std::io;
use std::sync::Arc;

use data_encoding::BASE64;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The server behind the proxy.
pub(super) struct Upstream {
    /// `10.200.7.2:6443`, as the `Host` header has it too.
    pub(super) authority: String,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Upstream {
    /// The one that the current context of a kubeconfig leads to. Only what labs and CI clusters have
    /// is known: certificates and keys as data, no proxies.
    pub(super) fn of(config: &Value) -> Result<Self, String> {
        let named = |list: &str, name: &Value, what: &str| {
            config[list]
                .as_array()
                .and_then(|entries| entries.iter().find(|entry| entry["name"] == *name))
                .map(|entry| entry[what].clone())
                .ok_or_else(|| format!("{list} has no {name}"))
        };
        let context = named("contexts", &config["current-context"], "context")?;
        let cluster = named("clusters", &context["cluster"], "cluster")?;
        let user = named("users", &context["user"], "user")?;
        let authority = cluster["server"]
            .as_str()
            .and_then(|server| server.strip_prefix("https://"))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .ok_or("its server is not reached by https")?;
        let (host, _) = authority
            .rsplit_once(':')
            .ok_or("its server's URL has no port")?;
        let name = cluster["tls-server-name"].as_str().unwrap_or(host);
        let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
            .map_err(|error| error.to_string())?;

        let pem = |value: &Value| BASE64.decode(value.as_str().unwrap_or_default().as_bytes());
        let mut roots = RootCertStore::empty();
        let authorities =
            pem(&cluster["certificate-authority-data"]).map_err(|error| error.to_string())?;
        for certificate in CertificateDer::pem_slice_iter(&authorities) {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let client = if user["client-certificate-data"].is_string() {
            let chain = pem(&user["client-certificate-data"]).map_err(|error| error.to_string())?;
            let chain = CertificateDer::pem_slice_iter(&chain)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| error.to_string())?;
            let key = pem(&user["client-key-data"]).map_err(|error| error.to_string())?;
            let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| error.to_string())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| error.to_string())?
        } else {
            builder.with_no_client_auth()
        };
        Ok(Self {
            name,
            connector: TlsConnector::from(Arc::new(client)),
            authority,
        })
    }

    pub(super) async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        self.connector.connect(self.name.clone(), stream).await
    }
}
