use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};

use crate::relay::Stream;

/// How much a client may say before the server's first word and still have it repeated, in bytes:
/// the requests for TLS and for a session are a hundredth of it, PostgreSQL's own limit for them.
const REPEATED: usize = 10_000;

/// How a request to cancel another session's query begins: its length, and a code in the place of
/// the protocol's version. The server carries it out and closes without a word.
///
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const CANCEL: [u8; 8] = [0, 0, 0, 16, 0x04, 0xd2, 0x16, 0x2e];

/// How much is moved at once in each direction, in bytes.
const PIECE: usize = 64 * 1024;

/// One client's session.
pub(super) struct Session<'a, L> {
    local: &'a mut L,
    /// What the client has said so far, and no server has answered.
    said: Vec<u8>,
}

impl<'a, L: Stream> Session<'a, L> {
    pub(super) fn new(local: &'a mut L) -> Self {
        Self {
            local,
            said: Vec::new(),
        }
    }

    /// Carries the session over a stream, to its end.
    ///
    /// # Errors
    /// The stream ended before the server's first word: the session can be carried over another.
    pub(super) async fn carry(&mut self, mut stream: impl Stream) -> io::Result<()> {
        stream.write_all(&self.said).await?;
        let mut question = vec![0; REPEATED];
        let mut answer = vec![0; PIECE];
        loop {
            tokio::select! {
                read = self.local.read(&mut question) => match read {
                    // The client is gone: nobody is left to carry anything for.
                    Ok(0) | Err(_) => return Ok(()),
                    Ok(size) => {
                        self.said.extend_from_slice(&question[..size]);
                        if self.said.len() > REPEATED {
                            return Ok(());
                        }
                        stream.write_all(&question[..size]).await?;
                    }
                },
                read = stream.read(&mut answer) => match read {
                    // Said again, it would cancel what the client asks next.
                    Ok(0) | Err(_) if self.said.starts_with(&CANCEL) => return Ok(()),
                    Err(error) => return Err(error),
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(size) => {
                        if self.local.write_all(&answer[..size]).await.is_err() {
                            return Ok(());
                        }
                        break;
                    }
                },
            }
        }
        // How a session ends that has begun is between its two ends: a reset is PostgreSQL's way
        // of ending TLS.
        let _ = copy_bidirectional_with_sizes(self.local, &mut stream, PIECE, PIECE).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn what_no_server_has_answered_is_said_again() {
        let (mut client, mut local) = duplex(1024);
        client.write_all(b"hello").await.unwrap();
        let mut session = Session::new(&mut local);

        let (ours, mut silent) = duplex(1024);
        let silent = async move {
            let mut heard = [0; 5];
            silent.read_exact(&mut heard).await.unwrap();
            heard
        };
        let (carried, heard) = tokio::join!(session.carry(ours), silent);
        assert_eq!(&heard, b"hello");
        carried.unwrap_err();

        let (ours, mut server) = duplex(1024);
        let server = async move {
            let mut heard = [0; 5];
            server.read_exact(&mut heard).await.unwrap();
            server.write_all(b"welcome").await.unwrap();
            heard
        };
        let client = async move {
            let mut answer = [0; 7];
            client.read_exact(&mut answer).await.unwrap();
            answer
        };
        let (carried, heard, answer) = tokio::join!(session.carry(ours), server, client);
        carried.unwrap();
        assert_eq!((&heard, &answer), (b"hello", b"welcome"));
    }

    #[tokio::test]
    async fn a_query_is_cancelled_once() {
        let (mut client, mut local) = duplex(1024);
        client.write_all(&CANCEL).await.unwrap();
        client.write_all(&[7; 8]).await.unwrap();
        let (ours, mut server) = duplex(1024);
        let server = async move {
            server.read_exact(&mut [0; 16]).await.unwrap();
        };
        let mut session = Session::new(&mut local);
        let (carried, ()) = tokio::join!(session.carry(ours), server);
        carried.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_not_waited_for() {
        let (client, mut local) = duplex(1024);
        drop(client);
        let (ours, _server) = duplex(1024);
        Session::new(&mut local).carry(ours).await.unwrap();
    }
}
