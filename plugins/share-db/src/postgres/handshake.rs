//! From a byte stream to a session of PostgreSQL.

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
    time::timeout,
};
use tokio_postgres::{Client, Config, NoTls, config::SslMode, tls::MakeTlsConnect};

use super::{
    certificate::Presented,
    session::{Credential, LoginError},
    tls,
};

/// How long a server may take to end a session that was ended here.
const GOODBYE: Duration = Duration::from_secs(2);

/// How a session is encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encryption<'a> {
    /// It is not: the way there is.
    Off,
    /// By TLS with whoever is at the end of the stream.
    WithAnyone,
    /// By TLS with whoever is at the end of the stream, where they offer it; what they present is
    /// kept.
    IfOffered {
        presented: &'a Arc<OnceLock<Presented>>,
    },
    /// By TLS with a server whose certificate is of this authority (PEM) and for this name; without
    /// one for any. libpq's `verify-full` and `verify-ca`.
    With {
        authority: &'a [u8],
        name: Option<&'a str>,
    },
}

/// Logs in over a stream and out again, to see whether that is possible.
///
/// # Errors
/// [`LoginError`].
pub(crate) async fn try_login<S>(
    stream: S,
    credential: &Credential,
    database: &str,
    encryption: Encryption<'_>,
) -> Result<(), LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = config(credential, database);
    let (client, task) = log_in(stream, config, credential, database, encryption).await?;
    drop(client);
    // A server that does not say goodbye has let the login in all the same.
    let _ = timeout(GOODBYE, task).await;
    Ok(())
}

/// The settings of every session.
pub(super) fn config(credential: &Credential, database: &str) -> Config {
    let mut config = Config::new();
    config
        .user(&credential.user)
        .password(credential.password.expose())
        .dbname(database)
        .application_name("kubectl-datalab-share-db");
    config
}

/// Logs in over a stream. The task carries the session's messages, and ends with the session.
pub(super) async fn log_in<S>(
    stream: S,
    mut config: Config,
    credential: &Credential,
    database: &str,
    encryption: Encryption<'_>,
) -> Result<(Client, JoinHandle<()>), LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    config.ssl_mode(SslMode::Require);
    let (mut connector, name) = match encryption {
        Encryption::Off => {
            config.ssl_mode(SslMode::Disable);
            let opened = config.connect_raw(stream, NoTls).await;
            return carried(opened, credential, database);
        }
        Encryption::WithAnyone => (tls::inside_the_forward(None), "localhost"),
        Encryption::IfOffered { presented } => {
            config.ssl_mode(SslMode::Prefer);
            (tls::inside_the_forward(Some(presented)), "localhost")
        }
        Encryption::With { authority, name } => (
            tls::of_authority(authority, name.is_some()),
            name.unwrap_or("localhost"),
        ),
    };
    let connector = connector
        .as_mut()
        .map_err(|error| error.clone())
        .and_then(|connector| {
            MakeTlsConnect::<S>::make_tls_connect(connector, name)
                .map_err(|_| rustls::Error::General(format!("{name:?} is no host name")))
        })
        .map_err(|source| LoginError::Tls { source })?;
    carried(
        config.connect_raw(stream, connector).await,
        credential,
        database,
    )
}

fn carried<S, T>(
    opened: Result<(Client, tokio_postgres::Connection<S, T>), tokio_postgres::Error>,
    credential: &Credential,
    database: &str,
) -> Result<(Client, JoinHandle<()>), LoginError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: tokio_postgres::tls::TlsStream + Unpin + Send + 'static,
{
    let (client, connection) = opened.map_err(|error| match of_tls(&error) {
        Some(source) => LoginError::Tls { source },
        None => LoginError::from_server(credential, database, error),
    })?;
    // What breaks a session is told to whoever waits for an answer of it.
    let task = tokio::spawn(async move { drop(connection.await) });
    Ok((client, task))
}

/// The error of TLS itself somewhere below.
fn of_tls(error: &tokio_postgres::Error) -> Option<rustls::Error> {
    let mut current: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found.clone());
        }
        // An I/O error hands out the source of what it wraps, not what it wraps.
        current = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}
