//! A proxy before the API server that counts every request, and every statement inside the
//! port-forwards, and does at the point asked for what networks, machines and servers do by chance.
//!
//! A program under test gets [`Proxy::kubeconfig`]. Its TLS ends here, so each HTTP request is seen
//! whole, and so is each message of PostgreSQL in a port-forward's WebSocket, as long as the database
//! is entered without TLS; what is encrypted passes uncounted. Each is a [`Point`] with a running
//! number; a [`Fault`] says at which of them something happens:
//!
//! - [`What::StopBefore`]: the server never gets it. [`What::StopAfter`]: the server has carried it
//!   out, and its answer never comes. Both hold everything of that connection, so that the program
//!   can be killed there, and let go with [`Proxy::release`].
//! - [`What::Answer`]: somebody else answers instead of the server.
//! - [`What::Delay`], [`What::CutBefore`], [`What::CutAfter`]: as the network does.
//!
//! Statements of one session pass one after the other: the next one when the last one is answered.

mod connection;
mod fault;
mod http;
mod point;
mod postgres;
mod sql_stream;
mod state;
mod upstream;
mod websocket;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::pki::{self, Authority};

pub use fault::{Fault, Reply, What};
pub use point::Point;

use state::Shared;
use upstream::Upstream;

/// How often a program under test is looked at.
const POLL: Duration = Duration::from_millis(2);

/// A program that neither comes to its point nor ends hangs, and a hang must name itself.
const DEADLINE: Duration = Duration::from_secs(120);

/// A killed program's connections end with it; what the server still carries out for them is
/// waited for this long.
const DRAIN: Duration = Duration::from_secs(10);

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig in whose place it stands cannot be used.
    #[error("the kubeconfig {} cannot be used: {reason}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificate of its own.
    #[error(transparent)]
    Certificate(#[from] pki::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// No socket or thread to work with.
    #[error("the proxy cannot be started")]
    Start(#[from] std::io::Error),
}

/// What became of a program that was to be stopped.
#[derive(Debug)]
pub enum Stopped {
    /// It is held at this point.
    At(Point),
    /// It ended before it came to such a point.
    Never,
}

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    kubeconfig: PathBuf,
    /// Dropped, it ends the proxy's thread.
    _end: tokio::sync::oneshot::Sender<()>,
}

impl Proxy {
    /// A proxy for the current context of a kubeconfig; one of its own, with the same user and
    /// namespace, is written beside it.
    ///
    /// A client certificate of the kubeconfig is presented to the server; tokens pass as they come.
    ///
    /// # Errors
    /// The kubeconfig leads to no server, or nothing can be started here.
    pub fn before(kubeconfig: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Kubeconfig {
            path: kubeconfig.to_owned(),
            reason,
        };
        let text = fs::read_to_string(kubeconfig).map_err(|error| wrong(error.to_string()))?;
        let mut config: Value =
            serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let upstream = Upstream::of(&config).map_err(wrong)?;

        let authority = Authority::new("datalab-proxy")?;
        let server = authority.server("datalab-proxy", &[], &[Ipv4Addr::LOCALHOST])?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let acceptor = TlsAcceptor::from(Arc::new(tls(&server)?));

        config["clusters"] = json!([{"name": "proxy", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": BASE64.encode(authority.identity().certificate.as_bytes()),
        }}]);
        if let Some(contexts) = config["contexts"].as_array_mut() {
            contexts
                .iter_mut()
                .for_each(|context| context["context"]["cluster"] = json!("proxy"));
        }
        let beside = kubeconfig.with_file_name(format!("kubeconfig-by-proxy-{port}"));
        pki::write_private(&beside, &config.to_string())?;

        let shared = Arc::new(Shared::default());
        let (end, ended) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let served = Arc::clone(&shared);
        thread::Builder::new()
            .name("datalab-proxy".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = serve(listener, acceptor, upstream, served) => {}
                        _ = ended => {}
                    }
                });
            })?;
        Ok(Self {
            shared,
            kubeconfig: beside,
            _end: end,
        })
    }

    /// The kubeconfig that leads through it.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Begins anew: the count at zero, and these faults, of which the first that fits happens.
    pub fn arm(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.arm(faults.into_iter().collect());
    }

    /// The points since the proxy was armed, in the order in which they came.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        self.shared.points()
    }

    /// Waits until a program is held at a point, or has ended.
    ///
    /// # Errors
    /// The program cannot be looked at, or does neither within two minutes.
    pub fn until_stopped(&self, program: &mut Child) -> std::io::Result<Stopped> {
        let begun = Instant::now();
        loop {
            // The last look comes after the end, which a point may have preceded.
            let ended = program.try_wait()?.is_some();
            if let Some(point) = self.shared.stopped() {
                return Ok(Stopped::At(point));
            }
            if ended {
                return Ok(Stopped::Never);
            }
            if begun.elapsed() > DEADLINE {
                return Err(std::io::Error::other(format!(
                    "the program does not end within {} s; its last point was {:?}",
                    DEADLINE.as_secs(),
                    self.points().last()
                )));
            }
            thread::sleep(POLL);
        }
    }

    /// Drops what is held, once its program is gone, and waits for the end of its other connections:
    /// what the server still carries out for them is part of what is left.
    pub fn release(&self) {
        self.shared.release();
        let begun = Instant::now();
        while self.shared.connections() > 0 && begun.elapsed() < DRAIN {
            thread::sleep(POLL);
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    upstream: Upstream,
    shared: Arc<Shared>,
) {
    let upstream = Arc::new(upstream);
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((client, _)) = listener.accept().await {
        let (acceptor, upstream, shared) =
            (acceptor.clone(), Arc::clone(&upstream), Arc::clone(&shared));
        let _ = client.set_nodelay(true);
        tokio::spawn(async move {
            let _open = shared.opened();
            // A handshake that fails is the client's to report.
            if let Ok(client) = acceptor.accept(client).await {
                connection::converse(client, &upstream, &shared).await;
            }
        });
    }
}

fn tls(server: &pki::Identity) -> Result<ServerConfig, rustls::Error> {
    let chain = CertificateDer::pem_slice_iter(server.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(server.key.as_bytes())
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)
}
