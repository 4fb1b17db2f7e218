//! The socket, TLS, and a thread for each connection.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::answer::Reply;
use super::endpoint;
use super::fault::What;
use super::request::Seen;
use super::settings::{Options, Transport};
use super::state::State;
use super::{ADDRESS, Error, REALM};
use crate::pki::{self, Authority};

/// A connection on which nothing comes for so long is closed, so that threads end.
const IDLE: Duration = Duration::from_secs(120);

/// How often a thread that holds or delays looks whether the provider has ended.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Server {
    pub(super) port: u16,
    pub(super) authority: String,
    /// How many requests are held now.
    pub(super) held: AtomicUsize,
    pub(super) released: Condvar,
    state: Mutex<State>,
    tls: Option<Arc<ServerConfig>>,
    /// The listener of now; another after it was stopped and started again.
    life: Mutex<Option<Life>>,
}

/// One period of listening.
#[derive(Debug)]
struct Life {
    ended: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    accepting: thread::JoinHandle<()>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn start(options: Options) -> Result<Arc<Self>, Error> {
        let authority = Authority::new("datalab-identity-provider")?;
        let tls = tls(options.transport, &authority)?.map(Arc::new);
        let listener = TcpListener::bind((ADDRESS, 0))?;
        let port = listener.local_addr()?.port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let issuer = format!("{scheme}://{ADDRESS}:{port}{REALM}");
        let server = Arc::new(Self {
            port,
            authority: authority.identity().certificate.clone(),
            held: AtomicUsize::new(0),
            released: Condvar::new(),
            state: Mutex::new(State::new(issuer, options.algorithm, options.settings)?),
            tls,
            life: Mutex::new(None),
        });
        server.accept(listener)?;
        Ok(server)
    }

    pub(super) fn issuer(&self) -> String {
        self.state().issuer.clone()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has said so already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listen(self: &Arc<Self>) -> io::Result<()> {
        self.accept(TcpListener::bind((ADDRESS, self.port))?)
    }

    fn accept(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let ended = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (server, over, open) = (
            Arc::downgrade(self),
            Arc::clone(&ended),
            Arc::clone(&connections),
        );
        let accepting = thread::Builder::new()
            .name("identity-provider".to_owned())
            .spawn(move || {
                for stream in listener.incoming() {
                    let Some(server) = server.upgrade() else {
                        return;
                    };
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    if let Ok(clone) = stream.try_clone() {
                        lock(&open).push(clone);
                    }
                    let over = Arc::clone(&over);
                    // Without a thread the connection is closed, which the client reports.
                    let _ = thread::Builder::new().spawn(move || {
                        let _ = server.serve(stream, &over);
                    });
                }
            })?;
        *lock(&self.life) = Some(Life {
            ended,
            connections,
            accepting,
        });
        Ok(())
    }

    /// Ends the listener and every connection.
    pub(super) fn stop(&self) {
        let Some(life) = lock(&self.life).take() else {
            return;
        };
        life.ended.store(true, Ordering::SeqCst);
        self.released.notify_all();
        // The accepting thread looks up only when somebody comes.
        let _ = TcpStream::connect((ADDRESS, self.port));
        let _ = life.accepting.join();
        for stream in lock(&life.connections).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(&self, socket: TcpStream, over: &AtomicBool) -> io::Result<()> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(IDLE))?;
        let end = socket.try_clone()?;
        let mut stream: Box<dyn Wire> = match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let connection =
                    ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(connection, socket))
            }
        };
        while let Some(seen) = Seen::read(&mut stream)? {
            let keep = self.answer(&seen, &mut stream, over)?;
            if !keep || over.load(Ordering::SeqCst) {
                break;
            }
        }
        // Abrupt, as a lost connection is: without TLS's goodbye.
        end.shutdown(Shutdown::Both)
    }

    /// Answers; false if the connection ends.
    fn answer(&self, seen: &Seen, stream: &mut impl Write, over: &AtomicBool) -> io::Result<bool> {
        let what = self.state().arrived(seen);
        let done = || {
            let mut state = self.state();
            let reply = endpoint::carry_out(&mut state, seen);
            (reply, state.date())
        };
        let mut half = false;
        let (reply, date) = match what {
            None => done(),
            Some(What::Answer(reply)) => (reply, self.state().date()),
            Some(What::AnswerAfter(reply)) => (reply, done().1),
            Some(What::DelayBefore(time)) => {
                self.wait(over, Some(time));
                done()
            }
            Some(What::DelayAfter(time)) => {
                let answer = done();
                self.wait(over, Some(time));
                answer
            }
            Some(What::HoldBefore) => {
                self.wait(over, None);
                return Ok(false);
            }
            Some(What::HoldAfter) => {
                let answer = done();
                self.wait(over, None);
                answer
            }
            Some(What::CutBefore) => return Ok(false),
            Some(What::CutAfter) => {
                done();
                return Ok(false);
            }
            Some(What::CutWithin) => {
                half = true;
                done()
            }
        };
        reply.write(stream, &date, half)?;
        let closes = seen
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(!half && !closes && !Reply::is_endless(&reply))
    }

    /// Waits for this time, or until what is held is let go.
    fn wait(&self, over: &AtomicBool, time: Option<Duration>) {
        let begun = std::time::Instant::now();
        let mut state = self.state();
        let generation = state.generation;
        if time.is_none() {
            self.held.fetch_add(1, Ordering::SeqCst);
        }
        let waits = |state: &State| match time {
            Some(time) => begun.elapsed() < time,
            None => state.generation == generation,
        };
        while waits(&state) && !over.load(Ordering::SeqCst) {
            let rest = time.map_or(LOOK, |time| time.saturating_sub(begun.elapsed()).min(LOOK));
            state = match self.released.wait_timeout(state, rest) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        if time.is_none() {
            self.held.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

trait Wire: Read + Write + Send {}
impl<S: Read + Write + Send> Wire for S {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tls(transport: Transport, authority: &Authority) -> Result<Option<ServerConfig>, Error> {
    let name = "datalab-identity-provider";
    let identity = match transport {
        Transport::PlainHttp => return Ok(None),
        Transport::Https => authority.server(name, &["localhost"], &[ADDRESS])?,
        Transport::OtherName => authority.server(name, &["other.invalid"], &[])?,
        Transport::SelfSigned => pki::self_signed("self-signed", &[ADDRESS])?,
    };
    let pem = |error: rustls::pki_types::pem::Error| Error::Key(error.to_string());
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(pem)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Some(config))
}
