use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use datalab_core::cluster::ProgramError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that remembers what came of it, and whose shutdown waits for the other side's: then a
/// server has ended the session, and what it counted is free again.
pub(super) struct Watched<S> {
    stream: S,
    seen: Arc<Mutex<Seen>>,
}

/// What came of a stream.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether the other side ever sent a byte.
    pub(super) heard: bool,
    /// How reading ended, if it failed.
    pub(super) failure: Option<String>,
    /// The same, where a program in a pod ended.
    pub(super) program: Option<ProgramError>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<Mutex<Seen>>) {
        let seen = Arc::<Mutex<Seen>>::default();
        let watched = Self {
            stream,
            seen: Arc::clone(&seen),
        };
        (watched, seen)
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        match &read {
            Ok(()) if buffer.filled().len() > before => self.note(|seen| seen.heard = true),
            Ok(()) => {}
            Err(error) => self.note(|seen| {
                seen.failure = Some(error.to_string());
                seen.program = error
                    .get_ref()
                    .and_then(|inner| inner.downcast_ref())
                    .cloned();
            }),
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        loop {
            let mut scratch = [0; 256];
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                // PostgreSQL resets the connection at the end of a TLS session: an end as well.
                Ok(()) | Err(_) => break,
            }
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
