use std::{error::Error as _, path::PathBuf, time::Duration};

use http::header;
use reqwest::{Certificate, Proxy, Url, redirect::Policy, tls::Version};
use rustls::CertificateError;

use super::{Answer, Error, Request, patience::ANSWER_LIMIT};
use crate::world::{Clock, Endpoint, Environment, World, read_file};

/// The longest answer that is read: the largest honest ones, sets of keys and a platform's public
/// configuration, have some tens of kB.
pub const LIMIT: usize = 1 << 20;

/// A handshake through two proxies takes less; a firewall that drops packets would take minutes.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// As much as is kept of the address that an answer leads to, in characters: an error that comes
/// back in it stands among long values.
const LOCATION_LIMIT: usize = 2000;

/// How a client is built.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Tool and version, for the server's log: `kubectl-datalab-oidc-login/0.1.0`.
    pub user_agent: String,
    /// Files with certificate authorities to trust beside the system's, as PEM.
    pub authority_files: Vec<PathBuf>,
    /// Certificate authorities to trust beside the system's, as PEM.
    pub authorities: Vec<u8>,
    /// The proxy of every request, as a URL; else the environment's where one applies.
    pub proxy: Option<String>,
    /// Whether the user has allowed requests that everybody on the way can read.
    pub plain_http: bool,
}

/// The HTTP client; see the [module](super).
#[derive(Debug)]
pub struct Client {
    client: reqwest::Client,
    clock: Clock,
    plain_http: bool,
    /// As the options have it.
    proxy: Option<String>,
    environment: Environment,
}

impl Client {
    /// A client. Reading the system's certificate authorities takes some milliseconds, so one is
    /// built where a request is certain.
    ///
    /// # Errors
    /// A file of certificate authorities is not one, or the library refuses.
    pub fn new(options: &Options, world: &World) -> Result<Self, Error> {
        // The first one installed stays, and there is no other in this workspace.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |error: reqwest::Error| Error::Setup {
            reason: format!("{error}: {}", innermost(&error)),
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .tls_version_min(Version::TLS_1_2)
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_LIMIT)
            .user_agent(&options.user_agent);
        let mut authorities = Vec::new();
        for file in &options.authority_files {
            let found = Certificate::from_pem_bundle(&read_file(file)?).unwrap_or_default();
            if found.is_empty() {
                return Err(Error::Authorities { file: file.clone() });
            }
            authorities.extend(found);
        }
        authorities.extend(Certificate::from_pem_bundle(&options.authorities).map_err(setup)?);
        if !authorities.is_empty() {
            builder = builder.tls_certs_merge(authorities);
        }
        builder = match &options.proxy {
            Some(proxy) => builder.proxy(Proxy::all(proxy).map_err(setup)?),
            None => {
                let environment = world.environment().clone();
                builder.proxy(Proxy::custom(move |url| {
                    let server = Endpoint::of(url.as_str()).ok()?;
                    Url::parse(&environment.proxy_for(&server)?).ok()
                }))
            }
        };
        Ok(Self {
            client: builder.build().map_err(setup)?,
            clock: world.clock(),
            plain_http: options.plain_http,
            proxy: options.proxy.clone(),
            environment: world.environment().clone(),
        })
    }

    /// Host and port of a server, as errors name it: with the proxy that stands before it, since
    /// whoever reads that it is not reached looks at the server first.
    fn named(&self, url: &str, host: &str) -> String {
        let of_environment = || self.environment.proxy_for(&Endpoint::of(url).ok()?);
        let proxy = self.proxy.clone().or_else(of_environment);
        // A proxy's URL may hold a password.
        match proxy.and_then(|proxy| Endpoint::of(&proxy).ok()) {
            Some(proxy) => format!("{host} (through the proxy {})", address(&proxy)),
            None => host.to_owned(),
        }
    }

    /// Sends a request once and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Error`]: there is no answer, or none that may be used.
    pub async fn send(&self, request: Request) -> Result<Answer, Error> {
        self.send_within(request, ANSWER_LIMIT).await
    }

    pub(super) async fn send_within(
        &self,
        request: Request,
        limit: Duration,
    ) -> Result<Answer, Error> {
        let url = request.uri().to_string();
        let host = check(&url, self.plain_http)?;
        let failed = |error: reqwest::Error| classify(error, self.named(&url, &host), limit);
        let mut request = reqwest::Request::try_from(request).map_err(failed)?;
        *request.timeout_mut() = Some(limit);
        let mut response = self.client.execute(request).await.map_err(failed)?;
        let received = self.clock.now();
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        if status.is_redirection() {
            let to = headers
                .get(header::LOCATION)
                .and_then(|to| to.to_str().ok())
                .unwrap_or("nowhere")
                .chars()
                .take(LOCATION_LIMIT)
                .collect();
            return Err(Error::Redirected { host, to });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LIMIT {
                return Err(Error::TooLong { host, limit: LIMIT });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer {
            status,
            headers,
            body,
            received,
        })
    }
}

/// Lets https through, and http where that is allowed; returns host and port.
fn check(url: &str, plain_http: bool) -> Result<String, Error> {
    let endpoint = Endpoint::of(url)
        .and_then(|endpoint| match endpoint.scheme.as_str() {
            "https" => Ok(endpoint),
            "http" if plain_http => Ok(endpoint),
            _ => Err("only https is safe for tokens"),
        })
        .map_err(|reason| Error::Address {
            url: url.to_owned(),
            reason,
        })?;
    Ok(address(&endpoint))
}

fn address(endpoint: &Endpoint) -> String {
    match endpoint.host.contains(':') {
        true => format!("[{}]:{}", endpoint.host, endpoint.port),
        false => format!("{}:{}", endpoint.host, endpoint.port),
    }
}

fn classify(error: reqwest::Error, host: String, limit: Duration) -> Error {
    // The text of an error repeats the whole URL, which is known already.
    let error = error.without_url();
    if let Some(reason) = certificate(&error) {
        return Error::Certificate { host, reason };
    }
    if error.is_timeout() {
        let limit = if error.is_connect() {
            CONNECT_LIMIT.min(limit)
        } else {
            limit
        };
        return Error::TimedOut {
            host,
            seconds: limit.as_secs(),
        };
    }
    let reason = match closed(&error) {
        true => "the server closed it".to_owned(),
        false => innermost(&error),
    };
    match error.is_connect() {
        true => Error::Unreachable { host, reason },
        false => Error::Broken { host, reason },
    }
}

/// What TLS says of the server's certificate, if that is the trouble.
fn certificate(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return match error {
            rustls::Error::InvalidCertificate(problem) => Some(in_words(problem)),
            _ => None,
        };
    }
    // An io::Error hands out the source of what it wraps, not the wrapped error.
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(|error| error.get_ref())
        .and_then(|wrapped| certificate(wrapped));
    wrapped.or_else(|| certificate(error.source()?))
}

fn in_words(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that is trusted here has signed it".to_owned()
        }
        CertificateError::NotValidForName => "it is for other names".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } => {
            // As the library shows them: DnsName("a.example").
            let names: Vec<_> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            format!("it is for {}", names.join(", "))
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        other => other.to_string(),
    }
}

/// Whether the connection ended before its time; what TLS has to say of that is a web page.
fn closed(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(current) = source {
        let io = current.downcast_ref::<std::io::Error>();
        if io.is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof) {
            return true;
        }
        source = current.source();
    }
    false
}

fn innermost(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(current) = source {
        text = current.to_string();
        source = current.source();
    }
    text
}
