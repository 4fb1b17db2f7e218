use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, core::Request as Requests};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Interval, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as SocketError, Message},
};

use super::{Attempt, Cluster, Error, object::segment};
use crate::words::Namespace;

/// The channel of the stream's bytes.
const DATA: u8 = 0;

/// The channel on which the kubelet says why there are none.
const PROBLEM: u8 = 1;

/// The largest piece sent at once, in bytes: what TCP and the kubelet pass on without waiting.
const PIECE: usize = 32 * 1024;

/// How often a silent stream shows that it is alive: half of the 60 s after which the load
/// balancers in front of API servers, HAProxy and nginx among them, forget a connection.
const PULSE: Duration = Duration::from_secs(30);

/// A byte stream to a port of a pod.
///
/// What goes wrong behind the API server, a refused connection inside the pod say, is an error of
/// the next read, in the kubelet's words; an end of file is one. Shutting down closes both
/// directions: the protocol knows no half.
pub struct PortForward {
    socket: Box<dyn Socket>,
    incoming: Bytes,
    opened: [bool; 2],
    ended: bool,
    pulse: Interval,
    /// Whoever writes: a ping must not take their place in the queue.
    writer: Waker,
    /// Something written may still lie here.
    unsent: bool,
}

trait Socket:
    Stream<Item = Result<Message, SocketError>> + Sink<Message, Error = SocketError> + Unpin + Send
{
}

impl<S> Socket for WebSocketStream<S> where S: AsyncRead + AsyncWrite + Unpin + Send {}

impl Cluster {
    /// Opens a byte stream to a port of a pod.
    ///
    /// # Errors
    /// [`Error`]; whether anything listens on the port shows only when the stream is read.
    pub async fn port_forward(
        &self,
        namespace: &Namespace,
        pod: &str,
        port: u16,
    ) -> Result<PortForward, Error> {
        let attempt = Attempt::new("create", "pods/portforward")
            .on(pod)
            .within(namespace);
        segment(&attempt, pod)?;
        let requests = Requests::new(Pod::url_path(&(), Some(namespace.as_str())));
        let request = requests
            .portforward(pod, &[port])
            .map_err(|error| Error::Malformed {
                attempt: attempt.clone(),
                reason: error.to_string(),
            })?;
        let connection = self.upgrade(attempt, request).await?;
        Ok(PortForward::new(connection.into_stream()))
    }
}

impl PortForward {
    fn new(socket: impl Socket + 'static) -> Self {
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse.reset();
        Self {
            pulse,
            writer: Waker::noop().clone(),
            unsent: false,
            socket: Box::new(socket),
            incoming: Bytes::new(),
            opened: [false; 2],
            ended: false,
        }
    }

    /// Sends a ping when it is time for one, and nothing else is on its way out.
    fn beat(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.pulse.poll_tick(context).is_ready() {
            let waker = self.writer.clone();
            let mut writing = Context::from_waker(&waker);
            let mut socket = Pin::new(&mut self.socket);
            if let Poll::Ready(ready) = socket.as_mut().poll_ready(&mut writing) {
                ready.map_err(broken)?;
                socket
                    .as_mut()
                    .start_send(Message::Ping(Bytes::new()))
                    .map_err(broken)?;
                if let Poll::Ready(flushed) = socket.poll_flush(&mut writing) {
                    flushed.map_err(broken)?;
                }
            }
        }
        Ok(())
    }

    /// Sends what was written. Clients of a socket write and then read, without a flush between
    /// them: a TCP socket holds nothing back, so this stream must not either.
    fn send_on(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(context) {
            flushed.map_err(broken)?;
            self.unsent = false;
        }
        Ok(())
    }

    /// Takes a message in; the first one of each channel only repeats the port.
    fn take(&mut self, mut message: Bytes) -> io::Result<()> {
        if message.is_empty() {
            return Ok(());
        }
        let channel = message.get_u8();
        let Some(opened) = self.opened.get_mut(usize::from(channel)) else {
            return Ok(());
        };
        match (channel, std::mem::replace(opened, true)) {
            (DATA, true) => self.incoming = message,
            (PROBLEM, true) => {
                self.ended = true;
                return Err(io::Error::other(
                    String::from_utf8_lossy(&message).trim().to_owned(),
                ));
            }
            _ => {}
        }
        Ok(())
    }
}

impl AsyncRead for PortForward {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unsent {
            self.send_on(context)?;
            // This reader took the writer's place in the queue.
            self.writer.wake_by_ref();
        }
        while self.incoming.is_empty() && !self.ended {
            self.beat(context)?;
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(message))) => self.take(message)?,
                Some(Ok(Message::Close(_))) | None => self.ended = true,
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Err(broken(error)));
                }
            }
        }
        let size = self.incoming.len().min(buffer.remaining());
        buffer.put_slice(&self.incoming.split_to(size));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for PortForward {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer.clone_from(context.waker());
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(broken)?;
        let piece = &bytes[..bytes.len().min(PIECE)];
        let mut message = Vec::with_capacity(piece.len() + 1);
        message.push(DATA);
        message.extend_from_slice(piece);
        Pin::new(&mut self.socket)
            .start_send(Message::binary(message))
            .map_err(broken)?;
        self.unsent = true;
        self.send_on(context)?;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.clone_from(context.waker());
        Pin::new(&mut self.socket)
            .poll_flush(context)
            .map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.socket).poll_close(context)) {
            Ok(()) | Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed) => {
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(broken(error))),
        }
    }
}

fn broken(error: SocketError) -> io::Error {
    match error {
        SocketError::Io(error) => error,
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => {
            io::ErrorKind::BrokenPipe.into()
        }
        error => io::Error::new(io::ErrorKind::ConnectionReset, error.to_string()),
    }
}

impl fmt::Debug for PortForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortForward")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::io::AsyncReadExt;
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let mut theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let mut stream = PortForward::new(ours);
        let begun = tokio::time::Instant::now();
        let silence = tokio::spawn(async move { stream.read(&mut [0; 8]).await });
        for beats in 1..4 {
            let message = tokio::time::timeout(2 * PULSE, theirs.next()).await;
            let message = message.unwrap().unwrap().unwrap();
            assert!(message.is_ping(), "{message:?}");
            assert!(begun.elapsed() >= PULSE * beats && begun.elapsed() < PULSE * (beats + 1));
        }
        theirs.close(None).await.unwrap();
        assert_eq!(silence.await.unwrap().unwrap(), 0);
    }
}
