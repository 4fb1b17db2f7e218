use std::io;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadHalf,
    WriteHalf, copy_bidirectional, join, split,
};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use super::fault::What;
use super::http::{Message, read_answer, read_request};
use super::sql_stream::{self, Side};
use super::state::Shared;
use super::upstream::Upstream;

type Client = server::TlsStream<TcpStream>;
type Server = client::TlsStream<TcpStream>;

/// Both directions of a connection; what was read too far stays in its buffer.
struct Ends<S> {
    reader: BufReader<ReadHalf<S>>,
    writer: WriteHalf<S>,
}

impl<S: AsyncRead + AsyncWrite> Ends<S> {
    fn of(stream: S) -> Self {
        let (reader, writer) = split(stream);
        Self {
            reader: BufReader::new(reader),
            writer,
        }
    }

    fn into_side(self) -> Side<S> {
        Side {
            reader: self.reader,
            writer: self.writer,
        }
    }
}

/// Carries the requests of one connection to the server, and its answers back, until either side
/// ends it or a fault does.
pub(super) async fn converse(client: Client, upstream: &Upstream, shared: &Shared) {
    let mut client = Ends::of(client);
    let mut server: Option<Ends<Server>> = None;
    while let Ok(Some(request)) = read_request(&mut client.reader).await {
        let name = request.name();
        let (point, what) = shared.reach(name.clone());
        match &what {
            Some(What::StopBefore) => return shared.hold(&point).await,
            Some(What::CutBefore) => return,
            Some(What::Answer(reply)) => {
                if client.writer.write_all(&reply.to_bytes()).await.is_err() {
                    return;
                }
                continue;
            }
            Some(What::Delay(time)) => {
                // Who gives up in the meantime takes the request back with the connection.
                tokio::select! {
                    () = tokio::time::sleep(*time) => {}
                    _ = client.reader.fill_buf() => return,
                }
            }
            Some(What::StopAfter | What::CutAfter) | None => {}
        }
        // Without an answer the connection ends, as it would without a proxy.
        let Ok(answer) = ask(&mut server, upstream, request).await else {
            return;
        };
        match what {
            Some(What::StopAfter) => return shared.hold(&point).await,
            Some(What::CutAfter) => return,
            _ => {}
        }
        if client.writer.write_all(&answer.to_bytes()).await.is_err() {
            return;
        }
        if answer.code() == 101 {
            if let Some(server) = server {
                upgraded(client, server, &name, shared).await;
            }
            return;
        }
    }
}

async fn ask(
    server: &mut Option<Ends<Server>>,
    upstream: &Upstream,
    request: Message,
) -> io::Result<Message> {
    let ends = match server {
        Some(ends) => ends,
        None => server.insert(Ends::of(upstream.connect().await?)),
    };
    let request = request.for_host(&upstream.authority).to_bytes();
    ends.writer.write_all(&request).await?;
    let answer = read_answer(&mut ends.reader).await?;
    let closes = answer
        .header("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    if closes {
        *server = None;
    }
    Ok(answer)
}

/// What comes after an upgrade: of a port-forward each statement counts, all else just passes.
async fn upgraded(client: Ends<Client>, server: Ends<Server>, name: &str, shared: &Shared) {
    if name.ends_with("/portforward") {
        sql_stream::relay(client.into_side(), server.into_side(), shared).await;
    } else {
        let mut client = join(client.reader, client.writer);
        let mut server = join(server.reader, server.writer);
        // Either side may end it at any time.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
