use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures::{Sink, Stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Interval, MissedTickBehavior},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error as SocketError, Message},
};

/// The channel of the bytes that go to the pod, in both protocols.
const OUT: u8 = 0;

/// The largest piece sent at once, in bytes: what TCP and the kubelet pass on without waiting.
const PIECE: usize = 32 * 1024;

/// How much of a program's complaints is kept, in bytes: an error has a line or two.
const COMPLAINT: usize = 4 * 1024;

/// How often a silent stream shows that it is alive: half of the 60 s after which the load
/// balancers in front of API servers, HAProxy and nginx among them, forget a connection.
const PULSE: Duration = Duration::from_secs(30);

/// What a message's first byte says, by the subresource that the stream is of.
///
/// <https://pkg.go.dev/k8s.io/apimachinery/pkg/util/remotecommand> and
/// <https://pkg.go.dev/k8s.io/apimachinery/pkg/util/portforward>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    /// `pods/portforward`: 0 has the bytes and 1 what went wrong; the first message of each only
    /// repeats the port.
    PortForward,
    /// `pods/exec`: 1 has the program's output, 2 its complaints and 3 how it ended.
    Exec,
}

/// A byte stream to a port of a pod, or to a program in one.
///
/// What goes wrong behind the API server, a refused connection inside the pod say, is an error of
/// the next read, in the kubelet's words; of a program that failed, it is a [`ProgramError`]. Shutting
/// down closes both directions: a port-forward knows no half.
pub struct PodStream {
    socket: Box<dyn Socket>,
    channels: Channels,
    incoming: Bytes,
    /// Channels of a port-forward whose first message was seen.
    opened: [bool; 2],
    complaint: Vec<u8>,
    ended: bool,
    pulse: Interval,
    /// Whoever writes: a ping must not take their place in the queue.
    writer: Waker,
    /// Something written may still lie here.
    unsent: bool,
}

/// A program in a pod that did not end well; the inner error of a [`PodStream`]'s read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ProgramError {
    /// Its exit code, where it was started and ended by itself.
    pub code: Option<u8>,
    /// What it said on standard error, or else the kubelet's words.
    pub message: String,
}

trait Socket:
    Stream<Item = Result<Message, SocketError>> + Sink<Message, Error = SocketError> + Unpin + Send
{
}

impl<S> Socket for WebSocketStream<S> where S: AsyncRead + AsyncWrite + Unpin + Send {}

impl PodStream {
    pub(super) fn new<S>(socket: WebSocketStream<S>, channels: Channels) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut pulse = tokio::time::interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pulse.reset();
        Self {
            pulse,
            channels,
            writer: Waker::noop().clone(),
            unsent: false,
            socket: Box::new(socket),
            incoming: Bytes::new(),
            opened: [false; 2],
            complaint: Vec::new(),
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

    fn take(&mut self, mut message: Bytes) -> io::Result<()> {
        if message.is_empty() {
            return Ok(());
        }
        let channel = message.get_u8();
        match self.channels {
            Channels::PortForward => self.take_forwarded(channel, message),
            Channels::Exec => self.take_of_program(channel, message),
        }
    }

    fn take_forwarded(&mut self, channel: u8, message: Bytes) -> io::Result<()> {
        let Some(opened) = self.opened.get_mut(usize::from(channel)) else {
            return Ok(());
        };
        match (channel, std::mem::replace(opened, true)) {
            (0, true) => self.incoming = message,
            (1, true) => {
                self.ended = true;
                return Err(io::Error::other(
                    String::from_utf8_lossy(&message).trim().to_owned(),
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_of_program(&mut self, channel: u8, message: Bytes) -> io::Result<()> {
        match channel {
            1 => self.incoming = message,
            2 => {
                let room = COMPLAINT.saturating_sub(self.complaint.len());
                self.complaint
                    .extend_from_slice(&message[..message.len().min(room)]);
            }
            3 => {
                self.ended = true;
                return self.end_of_program(&message);
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads the Status that the kubelet sends when the program has ended.
    fn end_of_program(&self, message: &[u8]) -> io::Result<()> {
        let status: Status = serde_json::from_slice(message).unwrap_or_else(|_| Status {
            message: Some(String::from_utf8_lossy(message).trim().to_owned()),
            ..Status::default()
        });
        if status.status.as_deref() == Some("Success") {
            return Ok(());
        }
        let code = status
            .details
            .and_then(|details| details.causes)
            .into_iter()
            .flatten()
            .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
            .and_then(|cause| cause.message?.parse().ok());
        let said = String::from_utf8_lossy(&self.complaint);
        let message = match said.trim() {
            "" => status.message.unwrap_or_default(),
            said => said.to_owned(),
        };
        Err(io::Error::other(ProgramError { code, message }))
    }
}

impl AsyncRead for PodStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unsent {
            self.send_on(context)?;
            // This reader took the writer's place in the queue. Where both are one task, waking it
            // would only have it look again, and again.
            if !self.writer.will_wake(context.waker()) {
                self.writer.wake_by_ref();
            }
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

impl AsyncWrite for PodStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writer.clone_from(context.waker());
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(broken)?;
        let piece = &bytes[..bytes.len().min(PIECE)];
        let mut message = Vec::with_capacity(piece.len() + 1);
        message.push(OUT);
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

impl fmt::Debug for PodStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PodStream")
            .field("channels", &self.channels)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, DuplexStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    async fn pair(channels: Channels) -> (PodStream, WebSocketStream<DuplexStream>) {
        let (ours, theirs) = tokio::io::duplex(1024);
        let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let theirs = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        (PodStream::new(ours, channels), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive() {
        let (mut stream, mut theirs) = pair(Channels::PortForward).await;
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

    /// What is read of a program that prints `output`, complains, and ends with this Status.
    async fn read_program(complaint: &str, status: &str) -> (String, io::Result<()>) {
        let (mut stream, mut theirs) = pair(Channels::Exec).await;
        for (channel, text) in [(1, "output"), (2, complaint), (3, status)] {
            let mut message = vec![channel];
            message.extend_from_slice(text.as_bytes());
            theirs.send(Message::binary(message)).await.unwrap();
        }
        let mut read = String::new();
        let mut buffer = [0; 4];
        let end = loop {
            match stream.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(size) => read += std::str::from_utf8(&buffer[..size]).unwrap(),
                Err(error) => break Err(error),
            }
        };
        (read, end)
    }

    #[tokio::test]
    async fn a_program_that_ends_well_is_the_end_of_the_stream() {
        let (read, end) = read_program("a warning", r#"{"status":"Success"}"#).await;
        assert_eq!(read, "output");
        end.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_fails_says_why_and_with_which_code() {
        let status = r#"{"status":"Failure","message":"command terminated with non-zero exit code","details":{"causes":[{"reason":"ExitCode","message":"127"}]}}"#;
        let failed = |complaint: &'static str, status: &'static str| async move {
            let (_, end) = read_program(complaint, status).await;
            let error = end.unwrap_err().into_inner().unwrap();
            error.downcast_ref::<ProgramError>().unwrap().clone()
        };
        let ProgramError { code, message } = failed("no such host\n", status).await;
        assert_eq!((code, message.as_str()), (Some(127), "no such host"));
        let ProgramError { code, message } = failed("", "no such container").await;
        assert_eq!((code, message.as_str()), (None, "no such container"));
    }
}
