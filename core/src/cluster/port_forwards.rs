//! Several byte streams to one port over one upgraded connection.

use bytes::{Buf, Bytes, BytesMut};
use futures::{SinkExt, Stream, StreamExt, stream};
use http::Uri;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use super::{Cluster, Error};
use crate::words::Namespace;

/// How many bytes may lie between a stream and the connection, each way: more than one message of
/// the kubelet, which sends 32 KiB at most.
const BUFFER: usize = 64 * 1024;

impl Cluster {
    /// Opens several byte streams to one port of a pod, with one request; see
    /// [`Cluster::port_forward`] for one that carries more than a question and its answer.
    ///
    /// The streams share a connection: one that is not read holds up the others. The protocol does
    /// not tell when the pod closes one of them, only when all are over, so whoever waits for an
    /// answer needs a time limit.
    ///
    /// # Errors
    /// [`Error`]; whether anything listens on the port shows only when a stream is read.
    pub async fn port_forwards(
        &self,
        namespace: &Namespace,
        pod: &str,
        port: u16,
        count: usize,
    ) -> Result<Vec<DuplexStream>, Error> {
        // A port may come several times: each is a pair of channels of its own.
        let more = format!(",{port}").repeat(count.saturating_sub(1));
        let connection = self
            .upgrade_to_pod(namespace, pod, "pods/portforward", |pods| {
                let mut request = pods
                    .portforward(pod, &[port])
                    .map_err(|error| error.to_string())?;
                *request.uri_mut() = format!("{}{more}", request.uri())
                    .parse::<Uri>()
                    .map_err(|error| error.to_string())?;
                Ok(request)
            })
            .await?;
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (0..count).map(|_| tokio::io::duplex(BUFFER)).unzip();
        drop(tokio::spawn(carry(connection.into_stream(), theirs)));
        Ok(ours)
    }
}

/// Carries bytes between the connection and the streams, until either side has ended.
async fn carry<S>(connection: WebSocketStream<S>, streams: Vec<DuplexStream>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut to_pod, mut from_pod) = connection.split();
    let (readers, mut writers): (Vec<_>, Vec<_>) = streams
        .into_iter()
        .map(tokio::io::split)
        .map(|(reader, writer)| (reader, Channel::to(writer)))
        .unzip();
    let mut from_us = stream::select_all(
        readers
            .into_iter()
            .enumerate()
            .map(|(index, reader)| Box::pin(pieces(index, reader))),
    );
    loop {
        tokio::select! {
            piece = from_us.next() => {
                let Some(message) = piece else { break };
                if to_pod.send(message).await.is_err() {
                    break;
                }
            }
            message = from_pod.next() => match message {
                Some(Ok(Message::Binary(message))) => deliver(&mut writers, message).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = to_pod.close().await;
}

/// What one stream writes, as messages of its data channel.
fn pieces(index: usize, reader: ReadHalf<DuplexStream>) -> impl Stream<Item = Message> {
    let channel = u8::try_from(2 * index).unwrap_or(u8::MAX);
    stream::unfold(reader, move |mut reader| async move {
        let mut piece = BytesMut::with_capacity(BUFFER);
        piece.extend_from_slice(&[channel]);
        match reader.read_buf(&mut piece).await {
            Ok(1..) => Some((Message::binary(piece), reader)),
            Ok(0) | Err(_) => None,
        }
    })
}

/// The way to one stream: data on an even channel, the kubelet's complaint on the odd one behind it.
struct Channel {
    writer: Option<WriteHalf<DuplexStream>>,
    /// The first message of each channel only repeats the port.
    opened: [bool; 2],
}

impl Channel {
    fn to(writer: WriteHalf<DuplexStream>) -> Self {
        Self {
            writer: Some(writer),
            opened: [false; 2],
        }
    }
}

async fn deliver(channels: &mut [Channel], mut message: Bytes) {
    if message.is_empty() {
        return;
    }
    let number = usize::from(message.get_u8());
    let Some(channel) = channels.get_mut(number / 2) else {
        return;
    };
    if !std::mem::replace(&mut channel.opened[number % 2], true) {
        return;
    }
    let Some(writer) = &mut channel.writer else {
        return;
    };
    // A complaint ends the stream, and one that nobody reads any more has ended.
    let is_complaint = number % 2 == 1;
    if (is_complaint || writer.write_all(&message).await.is_err())
        && let Some(mut writer) = channel.writer.take()
    {
        let _ = writer.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    fn frame(channel: u8, bytes: &[u8]) -> Message {
        Message::binary([&[channel], bytes].concat())
    }

    #[tokio::test]
    async fn each_stream_has_its_own_bytes_and_its_own_end() {
        let (ours, theirs) = tokio::io::duplex(1024);
        let ours = WebSocketStream::from_raw_socket(ours, Role::Client, None).await;
        let mut pod = WebSocketStream::from_raw_socket(theirs, Role::Server, None).await;
        let (mut first, one) = tokio::io::duplex(BUFFER);
        let (mut second, other) = tokio::io::duplex(BUFFER);
        tokio::spawn(carry(ours, vec![one, other]));

        let port = 5432_u16.to_le_bytes();
        for channel in 0..4 {
            pod.send(frame(channel, &port)).await.unwrap();
        }
        second.write_all(b"question").await.unwrap();
        let asked = pod.next().await.unwrap().unwrap();
        assert_eq!(asked, frame(2, b"question"));
        pod.send(frame(2, b"answer")).await.unwrap();
        let mut answer = [0; 6];
        second.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");

        // What is wrong with one ends that one alone.
        pod.send(frame(1, b"connection refused")).await.unwrap();
        assert_eq!(first.read(&mut [0; 8]).await.unwrap(), 0);
        pod.send(frame(2, b"more")).await.unwrap();
        let mut more = [0; 4];
        second.read_exact(&mut more).await.unwrap();
        assert_eq!(&more, b"more");

        // The connection ends with the last of them.
        drop((first, second));
        let farewell = pod.next().await.unwrap().unwrap();
        assert!(farewell.is_close(), "{farewell:?}");
    }
}
