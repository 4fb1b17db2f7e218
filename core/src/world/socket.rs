use std::{io, net::Ipv4Addr, time::Duration};

use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream, lookup_host},
    time::timeout,
};

/// A server's port could not be reached from here.
#[derive(Debug, Error)]
pub enum DialError {
    /// Its name means nothing here.
    #[error("the name {host} is not known here")]
    UnknownName {
        /// The name.
        host: String,
    },
    /// Nothing takes connections there, or something on the way says no.
    #[error("{address} does not take connections")]
    Refused {
        /// Host and port.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Nothing answers at all.
    #[error("{address} does not answer within {seconds} s")]
    TimedOut {
        /// Host and port.
        address: String,
        /// The limit.
        seconds: u64,
    },
}

/// A port of this machine that only this machine reaches.
#[derive(Debug)]
pub struct LocalListener {
    listener: TcpListener,
    port: u16,
}

impl LocalListener {
    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next connection.
    ///
    /// # Errors
    /// The process has no room for another connection, say; the listener goes on.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.listener.accept().await?;
        // Questions and answers, each smaller than a packet: waiting to fill one only delays them.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl super::World {
    /// Listens on 127.0.0.1: on this port, or on a free one.
    ///
    /// # Errors
    /// The port is taken, or needs rights.
    pub async fn listen_locally(&self, port: Option<u16>) -> io::Result<LocalListener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
        let port = listener.local_addr()?.port();
        Ok(LocalListener { listener, port })
    }

    /// Connects to a server. Finding the name and the connection each have the limit.
    ///
    /// # Errors
    /// [`DialError`].
    pub async fn dial(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<TcpStream, DialError> {
        let Ok(Ok(addresses)) = timeout(limit, lookup_host((host, port))).await else {
            return Err(DialError::UnknownName {
                host: host.to_owned(),
            });
        };
        let addresses: Vec<_> = addresses.collect();
        let address = || format!("{host}:{port}");
        match timeout(limit, connect_any(&addresses)).await {
            Ok(connected) => connected.map_err(|source| DialError::Refused {
                address: address(),
                source,
            }),
            Err(_) => Err(DialError::TimedOut {
                address: address(),
                seconds: limit.as_secs(),
            }),
        }
    }
}

async fn connect_any(addresses: &[std::net::SocketAddr]) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addresses).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    const LIMIT: Duration = Duration::from_secs(5);

    fn world() -> World {
        World::test(jiff::Timestamp::UNIX_EPOCH, []).0
    }

    #[tokio::test]
    async fn a_port_is_taken_once() {
        let world = world();
        let first = world.listen_locally(None).await.unwrap();
        let second = world.listen_locally(Some(first.port())).await;
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let (dialed, accepted) =
            tokio::join!(world.dial("127.0.0.1", first.port(), LIMIT), first.accept());
        assert!(dialed.is_ok() && accepted.is_ok());
    }

    #[tokio::test]
    async fn each_way_of_not_connecting_is_told_apart() {
        let world = world();
        let port = world.listen_locally(None).await.unwrap().port();
        let refused = world.dial("127.0.0.1", port, LIMIT).await;
        assert!(matches!(refused, Err(DialError::Refused { .. })));
        let unknown = world.dial("no-such-host.invalid", 5432, LIMIT).await;
        assert!(matches!(unknown, Err(DialError::UnknownName { .. })));
    }
}
