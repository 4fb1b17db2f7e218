//! One port-forward with a session of PostgreSQL in it.

use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;

use super::fault::What;
use super::point::Point;
use super::postgres::{Answer, Backend, Frontend, Unit};
use super::state::Shared;
use super::websocket::{BINARY, Frame};

/// The channel of the forward's bytes; the other one has the kubelet's complaints.
const DATA: u8 = 0;

/// Frames that may lie between a reader and the relay.
const FRAMES: usize = 16;

/// One side of the forward.
pub(super) struct Side<S> {
    pub(super) reader: BufReader<ReadHalf<S>>,
    pub(super) writer: WriteHalf<S>,
}

/// What the server has been asked and has not answered.
struct Pending {
    answer: Answer,
    /// What happens when it has.
    then: Option<(Point, Then)>,
}

#[derive(Clone, Copy)]
enum Then {
    Hold,
    Cut,
}

struct Relay<'a, C, S> {
    client: WriteHalf<C>,
    server: WriteHalf<S>,
    shared: &'a Shared,
    frontend: Frontend,
    backend: Backend,
    units: VecDeque<Unit>,
    pending: Option<Pending>,
    /// Whether the server's first message of the channel, which only repeats the port, has come.
    opened: bool,
}

/// Carries a port-forward's frames, statement by statement, until either side ends it or a fault does.
pub(super) async fn relay<C, S>(client: Side<C>, server: Side<S>, shared: &Shared)
where
    C: AsyncRead + AsyncWrite + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    // Dropped at the end, they let go of their halves.
    let mut readers = JoinSet::new();
    let mut from_client = frames(client.reader, &mut readers);
    let mut from_server = frames(server.reader, &mut readers);
    let mut relay = Relay {
        client: client.writer,
        server: server.writer,
        shared,
        frontend: Frontend::default(),
        backend: Backend::default(),
        units: VecDeque::new(),
        pending: None,
        opened: false,
    };
    loop {
        let goes_on = tokio::select! {
            frame = from_client.recv() => match frame {
                Some(frame) => relay.said_by_client(frame).await,
                None => return,
            },
            frame = from_server.recv() => match frame {
                Some(frame) => relay.said_by_server(frame).await,
                None => return relay.server_is_gone().await,
            },
        };
        if !goes_on.unwrap_or(false) {
            return;
        }
    }
}

fn frames<S>(mut reader: BufReader<ReadHalf<S>>, readers: &mut JoinSet<()>) -> Receiver<Frame>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (sender, receiver) = channel(FRAMES);
    readers.spawn(async move {
        while let Ok(Some(frame)) = Frame::read(&mut reader).await {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    receiver
}

impl<C, S> Relay<'_, C, S>
where
    C: AsyncRead + AsyncWrite,
    S: AsyncRead + AsyncWrite,
{
    /// Whether it goes on.
    async fn said_by_client(&mut self, frame: Frame) -> io::Result<bool> {
        match frame.payload.split_first() {
            Some((&DATA, bytes)) if frame.opcode == BINARY => {
                self.units.extend(self.frontend.take(bytes));
                self.pass_units().await
            }
            _ => {
                self.server.write_all(&frame.to_bytes(true)).await?;
                self.server.flush().await?;
                Ok(true)
            }
        }
    }

    /// Passes on what the client asked, one after the other.
    async fn pass_units(&mut self) -> io::Result<bool> {
        while self.pending.is_none() {
            let Some(unit) = self.units.pop_front() else {
                break;
            };
            let mut then = None;
            if let Some(name) = unit.name {
                let (point, what) = self.shared.reach(name);
                match what {
                    Some(What::StopBefore) => {
                        self.shared.hold(&point).await;
                        return Ok(false);
                    }
                    Some(What::CutBefore | What::Answer(_)) => return Ok(false),
                    Some(What::StopAfter) => then = Some((point, Then::Hold)),
                    Some(What::CutAfter) => then = Some((point, Then::Cut)),
                    Some(What::Delay(time)) => tokio::time::sleep(time).await,
                    None => {}
                }
            }
            let payload = [[DATA].as_slice(), &unit.bytes].concat();
            self.server
                .write_all(&Frame::binary(payload).to_bytes(true))
                .await?;
            self.server.flush().await?;
            if unit.answer != Answer::None {
                self.pending = Some(Pending {
                    answer: unit.answer,
                    then,
                });
            }
        }
        Ok(true)
    }

    async fn said_by_server(&mut self, frame: Frame) -> io::Result<bool> {
        let is_data = frame.opcode == BINARY && frame.payload.first() == Some(&DATA);
        if is_data && std::mem::replace(&mut self.opened, true) {
            let awaited = self.pending.as_ref().map_or(Answer::None, |it| it.answer);
            let is_answered = self.backend.take(&frame.payload[1..], awaited);
            if self.backend.is_encrypted() {
                self.frontend.is_encrypted();
            }
            if let Some(Pending {
                then: Some((point, then)),
                ..
            }) = &self.pending
            {
                // Nothing of this answer comes back.
                if is_answered {
                    if let Then::Hold = then {
                        self.shared.hold(point).await;
                    }
                    return Ok(false);
                }
                return Ok(true);
            }
            if is_answered {
                self.pending = None;
            }
        }
        self.client.write_all(&frame.to_bytes(false)).await?;
        self.client.flush().await?;
        self.pass_units().await
    }

    /// The server ended the session: an answer too, and for some statements the only one.
    async fn server_is_gone(&mut self) {
        if let Some(Pending {
            then: Some((point, Then::Hold)),
            ..
        }) = &self.pending
        {
            self.shared.hold(point).await;
        }
    }
}
