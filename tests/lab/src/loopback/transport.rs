//! How a server is reached.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

use super::{ADDRESS, Error};
use crate::pki::{self, Authority};

/// How the server is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// By https, with a certificate of the server's own authority for 127.0.0.1 and localhost.
    Https,
    /// By https, with a certificate that nobody signed but itself.
    SelfSigned,
    /// By https, with a certificate of the authority for `other.invalid`.
    OtherName,
    /// By http.
    PlainHttp,
}

impl Transport {
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::PlainHttp => "http",
            _ => "https",
        }
    }

    /// TLS for it, if any, for a server of this name.
    pub(super) fn tls(
        self,
        name: &str,
        authority: &Authority,
    ) -> Result<Option<Arc<ServerConfig>>, Error> {
        let identity = match self {
            Self::PlainHttp => return Ok(None),
            Self::Https => authority.server(name, &["localhost"], &[ADDRESS])?,
            Self::OtherName => authority.server(name, &["other.invalid"], &[])?,
            Self::SelfSigned => pki::self_signed("self-signed", &[ADDRESS])?,
        };
        let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Some(Arc::new(config)))
    }
}
