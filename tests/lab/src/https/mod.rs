//! A client for the lab's own hands: one request on a connection of its own, by HTTP/1.1.
//!
//! It follows no redirect, keeps no cookie and knows no proxy: what a server answers is what its
//! caller sees. The programs under test have a client of their own, which this one is not.

mod answer;
mod request;

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use url::Url;

pub use answer::Answer;
pub use request::Request;

/// How long a server may be silent. Keycloak's first pages take seconds on a busy machine.
const SILENCE: Duration = Duration::from_secs(60);

/// Nothing that the lab asks for is larger.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// What went wrong before there was an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificates to trust could not be read.
    #[error("cannot read certificates from {}", .0.display())]
    Certificates(PathBuf),
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    /// The address is none of a web server.
    #[error("{0} is not an address of http or https")]
    Address(String),
    /// The server could not be reached, or did not answer.
    #[error("{address} does not answer")]
    Io {
        /// Scheme, host and port.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The answer is not HTTP.
    #[error("the answer of {0} is not HTTP/1.1")]
    Malformed(String),
}

/// A client that trusts one authority.
#[derive(Clone, Debug)]
pub struct Client {
    tls: Arc<ClientConfig>,
}

impl Client {
    /// A client that trusts the certificates in this file, in PEM, and no others.
    ///
    /// # Errors
    /// When the file holds none.
    pub fn trusting(authority: &Path) -> Result<Self, Error> {
        let unreadable = || Error::Certificates(authority.to_owned());
        let pem = fs::read(authority).map_err(|_| unreadable())?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.map_err(|_| unreadable())?)?;
        }
        if roots.is_empty() {
            return Err(unreadable());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls) })
    }

    /// Sends the request and hands out whatever is answered.
    ///
    /// # Errors
    /// When nothing is answered, or not by HTTP.
    pub fn send(&self, request: &Request) -> Result<Answer, Error> {
        let url = request.url();
        let address = url.origin().ascii_serialization();
        let failed = |source| Error::Io {
            address: address.clone(),
            source,
        };
        let bytes = self.exchange(url, &request.bytes()).map_err(failed)?;
        Answer::parse(&bytes).ok_or(Error::Malformed(address))
    }

    fn exchange(&self, url: &Url, request: &[u8]) -> io::Result<Vec<u8>> {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let stream = connect(host, port)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        if url.scheme() == "http" {
            return converse(stream, request);
        }
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let tls = ClientConnection::new(Arc::clone(&self.tls), name).map_err(io::Error::other)?;
        converse(StreamOwned::new(tls, stream), request)
    }
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host.trim_matches(['[', ']']), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, SILENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Writes all and reads to the end, which the server makes: the request asked for it.
fn converse(mut stream: impl Read + Write, request: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(LONGEST_ANSWER).read_to_end(&mut answer) {
        // Some servers end TLS without a word; whether all was said is seen from the answer.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !answer.is_empty() => {
            Ok(answer)
        }
        other => other.map(|_| answer),
    }
}
