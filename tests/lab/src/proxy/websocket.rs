//! The frames of a WebSocket, one message each, as Kubernetes and its clients send them.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The frame holds bytes.
pub(super) const BINARY: u8 = 2;

/// A frame is what one write of the other side was; a message of PostgreSQL may be in several.
const FRAME_LIMIT: u64 = 64 * 1024 * 1024;

/// One frame.
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The next frame; none at the end of the stream.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let first = match stream.read_u8().await {
            Ok(first) => first,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        if first & 0x80 == 0 || first & 0x0f == 0 {
            return Err(io::Error::other("a message in several frames"));
        }
        let second = stream.read_u8().await?;
        let length = match second & 0x7f {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            length => u64::from(length),
        };
        if length > FRAME_LIMIT {
            return Err(io::Error::other("a frame without end"));
        }
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            stream.read_exact(&mut mask).await?;
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= key;
        }
        Ok(Some(Self {
            opcode: first & 0x0f,
            payload,
        }))
    }

    /// A frame of bytes.
    pub(super) fn binary(payload: Vec<u8>) -> Self {
        Self {
            opcode: BINARY,
            payload,
        }
    }

    /// As a client sends it, masked, or as a server does. The mask protects caches that take a frame for
    /// HTTP, of which there are none here, so it is all zeros.
    pub(super) fn to_bytes(&self, masked: bool) -> Vec<u8> {
        let mut bytes = vec![0x80 | self.opcode];
        let mask = if masked { 0x80 } else { 0 };
        let length = self.payload.len();
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < 126 => bytes.push(mask | short),
            (_, Ok(medium)) => {
                bytes.push(mask | 126);
                bytes.extend(medium.to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if masked {
            bytes.extend([0; 4]);
        }
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}
