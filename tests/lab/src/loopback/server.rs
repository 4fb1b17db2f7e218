//! The socket, TLS, and a thread for each connection.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::fault::What;
use super::journal::Journal;
use super::reply::Reply;
use super::request::Seen;
use super::transport::Transport;
use super::{ADDRESS, Error, http_date};
use crate::pki::Authority;

/// A connection on which nothing comes for so long is closed, so that threads end.
const IDLE: Duration = Duration::from_secs(120);

/// What a server does: its state, and what it answers.
pub(crate) trait Service: Send + Sized + 'static {
    /// What can be asked of it.
    type Kind: Copy + fmt::Debug + Eq + Send + Sync + 'static;

    /// The name in its certificate and of its threads.
    const NAME: &'static str;

    /// Longer than any body that belongs here, in bytes; a client that sends more is wrong.
    const LONGEST_BODY: usize;

    /// What this request asks for.
    fn kind(seen: &Seen<()>) -> Self::Kind;

    /// A request came in, which may yet meet a fault.
    fn arrived(&mut self, seen: &Seen<Self::Kind>);

    /// Carries a request out.
    fn carry_out(this: &Mutex<Self>, seen: &Seen<Self::Kind>) -> Reply;

    /// What its clock is ahead of this machine's, for the Date header.
    fn clock_ahead_seconds(&self) -> i64;
}

/// A server on a free port of loopback; it listens until it is stopped.
pub(crate) struct Server<S: Service> {
    pub(crate) port: u16,
    /// The certificate of its authority, in PEM.
    pub(crate) authority: String,
    pub(crate) journal: Arc<Journal<S::Kind>>,
    state: Mutex<S>,
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

impl<S: Service> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl<S: Service> Server<S> {
    /// Starts it; the state is made for its base URL (scheme, host and port) and its journal.
    pub(crate) fn start<E: From<Error>>(
        transport: Transport,
        state: impl FnOnce(&str, Arc<Journal<S::Kind>>) -> Result<S, E>,
    ) -> Result<Arc<Self>, E> {
        // Of another name than the server: OpenSSL takes a certificate for self-signed by its names.
        let name = format!("{}-authority", S::NAME);
        let authority = Authority::new(&name).map_err(Error::from)?;
        let tls = transport.tls(S::NAME, &authority)?;
        let listener = TcpListener::bind((ADDRESS, 0)).map_err(Error::from)?;
        let port = listener.local_addr().map_err(Error::from)?.port();
        let scheme = transport.scheme();
        let journal = Arc::new(Journal::new());
        let state = state(
            &format!("{scheme}://{ADDRESS}:{port}"),
            Arc::clone(&journal),
        )?;
        let server = Arc::new(Self {
            port,
            authority: authority.identity().certificate.clone(),
            journal,
            state: Mutex::new(state),
            tls,
            life: Mutex::new(None),
        });
        server.accept(listener).map_err(Error::from)?;
        Ok(server)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, S> {
        lock(&self.state)
    }

    /// Listens again on its port.
    pub(crate) fn listen(self: &Arc<Self>) -> Result<(), Error> {
        Ok(self.accept(TcpListener::bind((ADDRESS, self.port))?)?)
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
            .name(S::NAME.to_owned())
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
    pub(crate) fn stop(&self) {
        let Some(life) = lock(&self.life).take() else {
            return;
        };
        life.ended.store(true, Ordering::SeqCst);
        self.journal.wake();
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
        let served = self.converse(&mut stream, over);
        if served.is_err() {
            // As servers answer what is no request, in the middle of TLS too.
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
            let _ = stream.flush();
        }
        // Abrupt, as a lost connection is: without TLS's goodbye. Dropping it is not enough, since
        // whoever stops the server has it too.
        end.shutdown(Shutdown::Both)?;
        served
    }

    fn converse(&self, stream: &mut (impl Read + Write), over: &AtomicBool) -> io::Result<()> {
        while let Some(seen) = Seen::read(stream, S::LONGEST_BODY)? {
            let kind = S::kind(&seen);
            let keep = self.answer(&seen.of_kind(kind), stream, over)?;
            if !keep || over.load(Ordering::SeqCst) {
                break;
            }
        }
        Ok(())
    }

    /// Answers; false if the connection ends.
    fn answer(
        &self,
        seen: &Seen<S::Kind>,
        stream: &mut impl Write,
        over: &AtomicBool,
    ) -> io::Result<bool> {
        let what = self.journal.arrived(seen);
        self.state().arrived(seen);
        let date = || http_date(super::now(self.state().clock_ahead_seconds()));
        let done = || {
            let reply = S::carry_out(&self.state, seen);
            (reply, date())
        };
        let mut half = false;
        let (reply, date) = match what {
            None => done(),
            Some(What::Answer(reply)) => (reply, date()),
            Some(What::AnswerAfter(reply)) => (reply, done().1),
            Some(What::DelayBefore(time)) => {
                self.journal.wait(over, Some(time));
                done()
            }
            Some(What::DelayAfter(time)) => {
                let answer = done();
                self.journal.wait(over, Some(time));
                answer
            }
            Some(What::HoldBefore) => {
                self.journal.wait(over, None);
                return Ok(false);
            }
            Some(What::HoldAfter) => {
                let answer = done();
                self.journal.wait(over, None);
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
        reply.write(stream, &date, seen.method == "HEAD", half)?;
        let closes = seen
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        Ok(!half && !closes && !Reply::is_endless(&reply))
    }
}

trait Wire: Read + Write + Send {}
impl<S: Read + Write + Send> Wire for S {}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that failed while it held the lock has said so already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
