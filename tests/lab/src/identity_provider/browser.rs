//! A browser for pages without scripts: it gets a page and follows redirects, to https and to the
//! loopback port of a program that waits for its callback.

use std::io::{self, Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::loopback::read_head;

/// No chain here is longer.
const MOST_REDIRECTS: usize = 10;

/// A page that takes longer hangs, and a hang must name itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser; it remembers nothing.
#[derive(Clone, Debug)]
pub struct Browser {
    authority: String,
}

/// A page, and the way to it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The address in its address bar.
    pub url: String,
    /// The status.
    pub code: u16,
    /// The head, with the status line.
    pub head: String,
    /// The text.
    pub body: String,
}

impl Page {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }
}

impl Browser {
    /// One that trusts this authority (PEM) and no other.
    #[must_use]
    pub fn trusting(authority: &str) -> Self {
        Self {
            authority: authority.to_owned(),
        }
    }

    /// The page at the end of all redirects.
    ///
    /// # Errors
    /// A server cannot be reached, is not who it must be, or redirects for ever.
    pub fn open(&self, url: &str) -> io::Result<Page> {
        let mut page = self.get(url)?;
        for _ in 0..MOST_REDIRECTS {
            let Some(location) = page.header("location").map(str::to_owned) else {
                return Ok(page);
            };
            page = self.get(&location)?;
        }
        Err(io::Error::other("redirected for ever"))
    }

    /// This very page.
    ///
    /// # Errors
    /// The server cannot be reached, or is not who it must be.
    pub fn get(&self, url: &str) -> io::Result<Page> {
        let (_, authority, path) = parts(url)?;
        // As browsers write a path that is not there.
        let slash = if path.starts_with('/') { "" } else { "/" };
        let request = format!(
            "GET {slash}{path} HTTP/1.1\r\nhost: {authority}\r\naccept: text/html\r\nconnection: close\r\n\r\n"
        );
        self.send(url, &request)
    }

    /// What a server answers to exactly these bytes; the URL says where it is.
    ///
    /// # Errors
    /// The server cannot be reached, is not who it must be, or answers no HTTP.
    pub fn send(&self, url: &str, request: &str) -> io::Result<Page> {
        let (scheme, authority, _) = parts(url)?;
        let (host, port) = authority
            .rsplit_once(':')
            .ok_or_else(|| io::Error::other(format!("{url} has no port")))?;
        let port = port.parse::<u16>().map_err(io::Error::other)?;
        let socket = TcpStream::connect((host, port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream: Box<dyn Wire> = if scheme == "https" {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let connection =
                ClientConnection::new(self.config()?, name).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(connection, socket))
        } else {
            Box::new(socket)
        };
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let head = read_head(&mut stream)?.ok_or_else(|| io::Error::other("no answer"))?;
        let mut body = Vec::new();
        let length = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<u64>().ok())?
        });
        match length {
            Some(length) => {
                stream.take(length).read_to_end(&mut body)?;
            }
            // Its end is the connection's, which some servers cut without TLS's goodbye.
            None => match stream.read_to_end(&mut body) {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                _ => {}
            },
        }
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| io::Error::other("not HTTP"))?;
        Ok(Page {
            url: url.to_owned(),
            code,
            head,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    fn config(&self) -> io::Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            let certificate = certificate.map_err(io::Error::other)?;
            roots.add(certificate).map_err(io::Error::other)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

trait Wire: Read + io::Write {}
impl<S: Read + io::Write> Wire for S {}

/// Scheme, host and port, path and query.
fn parts(url: &str) -> io::Result<(&str, &str, &str)> {
    let wrong = || io::Error::other(format!("not a web address: {url}"));
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    if !matches!(scheme, "http" | "https") {
        return Err(wrong());
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split('#').next().unwrap_or_default();
    Ok((scheme, authority, if path.is_empty() { "/" } else { path }))
}
