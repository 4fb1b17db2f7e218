use std::sync::{Arc, OnceLock};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::certificate::Presented;

/// TLS for servers whose `pg_hba.conf` demands it, inside the forward.
///
/// The certificate is not checked against an authority: the forward ends in the pod's own network
/// namespace, and it was the API server, which is checked, that took the stream there. The
/// server's certificate names the Service, and its authority is often made by the chart for itself.
/// The handshake's signature is still checked, and SCRAM proves that the server knows the verifier.
/// What the server presents is kept where somebody wants to check it later.
pub(super) fn inside_the_forward(
    presented: Option<&Arc<OnceLock<Presented>>>,
) -> Result<MakeRustlsConnect, rustls::Error> {
    let check = Check::Anyone {
        presented: presented.cloned(),
    };
    connector(Arc::new(ring::default_provider()), check)
}

/// TLS with a server whose certificate is of this authority (PEM), and for its name or for any.
pub(super) fn of_authority(
    authority: &[u8],
    for_its_name: bool,
) -> Result<MakeRustlsConnect, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let check = Check::Authority {
        webpki: webpki(authority, &provider)?,
        for_its_name,
    };
    connector(provider, check)
}

fn connector(
    provider: Arc<CryptoProvider>,
    check: Check,
) -> Result<MakeRustlsConnect, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { provider, check }))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The check of certificates against an authority (PEM), and of their names.
pub(super) fn webpki(
    authority: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        let certificate = certificate.map_err(|error| {
            rustls::Error::General(format!("the authority's certificate: {error}"))
        })?;
        roots.add(certificate)?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| rustls::Error::General(format!("the authority's certificate: {error}")))
}

/// How a server's certificate is checked. That the server holds its key always is.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    check: Check,
}

#[derive(Debug)]
enum Check {
    /// Whoever it is will do; what they present may be wanted later.
    Anyone {
        presented: Option<Arc<OnceLock<Presented>>>,
    },
    /// The authority has to be right, and the name: libpq's `verify-full`; or may be any: its
    /// `verify-ca`.
    Authority {
        webpki: Arc<WebPkiServerVerifier>,
        for_its_name: bool,
    },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.check {
            Check::Anyone { presented } => {
                if let Some(presented) = presented {
                    // A later session of the same server presents the same.
                    let _ = presented.set(Presented::of(end_entity, intermediates));
                }
                Ok(ServerCertVerified::assertion())
            }
            Check::Authority {
                webpki,
                for_its_name,
            } => {
                let verified = webpki.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                );
                match verified {
                    // The name is checked after everything else.
                    Err(rustls::Error::InvalidCertificate(
                        CertificateError::NotValidForName
                        | CertificateError::NotValidForNameContext { .. },
                    )) if !for_its_name => Ok(ServerCertVerified::assertion()),
                    other => other,
                }
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
