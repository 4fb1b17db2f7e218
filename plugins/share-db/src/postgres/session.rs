use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use datalab_core::{
    cluster::{self, Cluster},
    words::{Namespace, Secret},
};
use thiserror::Error;
use tokio::{io::DuplexStream, time::timeout};
use tokio_postgres::{Client, error::SqlState};

use super::{
    Statement,
    certificate::Presented,
    handshake::{Encryption, config, log_in},
};

/// How long a login may take: a server under load answers in less, a dead one never does.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(15);

/// How long one statement may take. GRANT ON ALL TABLES of ten thousand tables takes about two
/// seconds; the rest is waiting for a lock somebody else holds.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// A database server, by the pod it runs in; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    cluster: Cluster,
    namespace: Namespace,
    pub(crate) pod: String,
    /// The port inside the pod, which need not be the Service's.
    port: u16,
    /// Streams that were opened ahead.
    ahead: Arc<Mutex<Vec<DuplexStream>>>,
    /// Whether it lets nobody in without TLS, as was seen once.
    wants_tls: Arc<AtomicBool>,
    presented: Arc<OnceLock<Presented>>,
}

/// A user name and a password.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) user: String,
    pub(crate) password: Secret<String>,
}

/// A session of one database.
#[derive(Debug)]
pub(crate) struct Session {
    client: Client,
    database: String,
}

/// Why a login did not succeed.
#[derive(Debug, Error)]
pub(crate) enum LoginError {
    #[error(transparent)]
    Forward(#[from] cluster::Error),
    #[error("the server refused the login of {user:?} to database {database:?}")]
    Refused {
        user: String,
        database: String,
        source: ServerError,
    },
    #[error("there is no database {database:?}")]
    NoDatabase { database: String },
    #[error("all connections of the server, or of the login, are taken")]
    TooManyConnections { source: ServerError },
    #[error("the server is starting up or shutting down")]
    NotReady { source: ServerError },
    #[error("the server did not answer a login within {} s", LOGIN_TIMEOUT.as_secs())]
    TimedOut,
    #[error("TLS with the server failed")]
    Tls { source: rustls::Error },
    #[error("the connection to the server failed")]
    Broken { source: ServerError },
}

/// Why a statement did not succeed; the statement as it may be shown.
#[derive(Debug, Error)]
#[error("{} {source}", self.beginning())]
pub(crate) struct SqlError {
    pub(crate) statement: String,
    pub(crate) source: ServerError,
}

/// What the server itself says, where it said anything. The client's own text adds only "db error",
/// and its source says the same again, so neither is shown.
#[derive(Debug, Error)]
#[error("{}", message(.0))]
pub(crate) struct ServerError(tokio_postgres::Error);

impl Server {
    pub(crate) fn new(cluster: &Cluster, namespace: &Namespace, pod: &str, port: u16) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.clone(),
            pod: pod.to_owned(),
            port,
            ahead: Arc::default(),
            wants_tls: Arc::default(),
            presented: Arc::default(),
        }
    }

    /// Opens the streams of that many short logins to come, with one request; without them, each
    /// login opens its own.
    pub(crate) async fn expect_logins(&self, count: usize) {
        let streams = self
            .cluster
            .port_forwards(&self.namespace, &self.pod, self.port, count);
        if let Ok(streams) = streams.await {
            self.ahead().extend(streams);
        }
    }

    /// Lets go of the streams that were opened ahead.
    pub(crate) fn expect_no_logins(&self) {
        self.ahead().clear();
    }

    fn ahead(&self) -> MutexGuard<'_, Vec<DuplexStream>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs in, without TLS where the server lets one, else with it.
    pub(crate) async fn login(
        &self,
        credential: &Credential,
        database: &str,
    ) -> Result<Session, LoginError> {
        timeout(LOGIN_TIMEOUT, self.login_unbounded(credential, database))
            .await
            .unwrap_or(Err(LoginError::TimedOut))
    }

    /// Logs in with TLS where the server offers it, so that its certificate is seen; else as
    /// [`Server::login`] does.
    pub(crate) async fn login_seeing_certificate(
        &self,
        credential: &Credential,
        database: &str,
    ) -> Result<Session, LoginError> {
        let seeing = Encryption::IfOffered {
            presented: &self.presented,
        };
        let login = async {
            match self.attempt(credential, database, seeing).await {
                // It offers what does not work, or lets nobody in that way (hostnossl).
                Err(error) if error.is_about_the_way() => {
                    self.login_unbounded(credential, database).await
                }
                other => other,
            }
        };
        timeout(LOGIN_TIMEOUT, login)
            .await
            .unwrap_or(Err(LoginError::TimedOut))
    }

    /// What the server presented to a login that was made to see it; `None` where it has no TLS.
    pub(crate) fn presented(&self) -> Option<&Presented> {
        self.presented.get()
    }

    async fn login_unbounded(
        &self,
        credential: &Credential,
        database: &str,
    ) -> Result<Session, LoginError> {
        if self.wants_tls.load(Ordering::Relaxed) {
            return self
                .attempt(credential, database, Encryption::WithAnyone)
                .await;
        }
        let refused = match self.attempt(credential, database, Encryption::Off).await {
            Err(error) if error.may_want_encryption() => error,
            other => return other,
        };
        let encrypted = self.attempt(credential, database, Encryption::WithAnyone);
        let answer = encrypted.await;
        // Only another answer shows that it was for the encryption.
        if !matches!(&answer, Err(error) if error.may_want_encryption() || error.is_broken()) {
            self.wants_tls.store(true, Ordering::Relaxed);
        }
        answer.map_err(|error| refused.unless_heard(error))
    }

    async fn attempt(
        &self,
        credential: &Credential,
        database: &str,
        encryption: Encryption<'_>,
    ) -> Result<Session, LoginError> {
        let mut config = config(credential, database);
        config.options(format!(
            "-c search_path=pg_catalog -c statement_timeout={} -c idle_in_transaction_session_timeout={}",
            STATEMENT_TIMEOUT.as_millis(),
            STATEMENT_TIMEOUT.as_millis()
        ));
        let ahead = self.ahead().pop();
        let (client, task) = match ahead {
            Some(stream) => log_in(stream, config, credential, database, encryption).await?,
            None => {
                let stream = self
                    .cluster
                    .port_forward(&self.namespace, &self.pod, self.port)
                    .await?;
                log_in(stream, config, credential, database, encryption).await?
            }
        };
        drop(task);
        Ok(Session {
            client,
            database: database.to_owned(),
        })
    }
}

impl Session {
    /// Whether the connection is gone.
    pub(crate) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    /// The database of this session.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Rows of a query; parameters are never part of its text.
    pub(crate) async fn rows(
        &self,
        query: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, SqlError> {
        self.client
            .query(query, parameters)
            .await
            .map_err(|error| SqlError {
                statement: query.to_owned(),
                source: ServerError(error),
            })
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, statement: &Statement) -> Result<(), SqlError> {
        self.client
            .batch_execute(statement.text())
            .await
            .map_err(|error| SqlError {
                statement: statement.shown().to_owned(),
                source: ServerError(error),
            })
    }
}

impl LoginError {
    pub(super) fn from_server(
        credential: &Credential,
        database: &str,
        source: tokio_postgres::Error,
    ) -> Self {
        let code = source.code().cloned();
        let source = ServerError(source);
        match code {
            Some(code) if code == SqlState::INVALID_CATALOG_NAME => Self::NoDatabase {
                database: database.to_owned(),
            },
            Some(code) if code == SqlState::TOO_MANY_CONNECTIONS => {
                Self::TooManyConnections { source }
            }
            Some(code) if code == SqlState::CANNOT_CONNECT_NOW => Self::NotReady { source },
            // Class 28 is "invalid authorization specification"; 42501 is CONNECT not granted.
            Some(code)
                if code.code().starts_with("28") || code == SqlState::INSUFFICIENT_PRIVILEGE =>
            {
                Self::Refused {
                    user: credential.user.clone(),
                    database: database.to_owned(),
                    source,
                }
            }
            _ => Self::Broken { source },
        }
    }

    /// Whether the server may have refused the login for want of TLS, whatever the language of its
    /// messages: for a pg_hba.conf with hostssl lines only, ClientAuthentication raises this state,
    /// which some other refusals have too, but that of a password has not.
    fn may_want_encryption(&self) -> bool {
        let Self::Refused { source, .. } = self else {
            return false;
        };
        source.0.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    }

    /// The connection failed, or the server does not offer TLS.
    fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    /// This refusal, or what came of the same login with TLS where the server answered it.
    fn unless_heard(self, encrypted: Self) -> Self {
        if encrypted.is_broken() {
            self
        } else {
            encrypted
        }
    }

    /// Whether the server says that it lets nobody in without TLS.
    pub(crate) fn wants_encryption(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if wants_encryption(&source.0))
    }

    /// Whether another encryption, or none, may be let in: a wrong password has a code of its own.
    fn is_about_the_way(&self) -> bool {
        matches!(self, Self::Tls { .. }) || self.may_want_encryption()
    }

    /// Whether the server knew the login and said no.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

impl SqlError {
    /// Two writers met on one catalogue row; the transaction can be tried again.
    pub(crate) fn is_concurrent_update(&self) -> bool {
        self.source.0.as_db_error().is_some_and(|error| {
            *error.code() == SqlState::T_R_SERIALIZATION_FAILURE
                || *error.code() == SqlState::T_R_DEADLOCK_DETECTED
                || (*error.code() == SqlState::INTERNAL_ERROR
                    && error.message().contains("concurrently updated"))
        })
    }

    /// A lock was not had in time.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.source.0.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }

    fn beginning(&self) -> &'static str {
        if self.is_lost() {
            "the connection to the database broke before it answered:"
        } else {
            "the database refused:"
        }
    }

    /// The connection broke before the server answered.
    pub(crate) fn is_lost(&self) -> bool {
        self.source.0.is_closed() || self.source.0.code().is_none()
    }
}

fn wants_encryption(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|error| {
        *error.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
            && error.message().contains("no encryption")
    })
}

fn message(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => match error.detail() {
            Some(detail) => format!("{} ({detail})", error.message()),
            None => error.message().to_owned(),
        },
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::postgres::handshake::try_login;

    /// What a login makes of a server that answers its first message so.
    async fn told(encryption: Encryption<'_>, answer: Vec<u8>) -> LoginError {
        let (ours, mut server) = duplex(4096);
        let credential = Credential {
            user: "me".to_owned(),
            password: Secret::new("unused".to_owned()),
        };
        let serve = async move {
            let mut message = [0; 1024];
            let _ = server.read(&mut message).await;
            let _ = server.write_all(&answer).await;
        };
        let (told, ()) = tokio::join!(try_login(ours, &credential, "db", encryption), serve);
        told.unwrap_err()
    }

    /// An ErrorResponse: <https://www.postgresql.org/docs/current/protocol-message-formats.html>
    fn refusal(state: &str, message: &str) -> Vec<u8> {
        let fields = format!("SFATAL\0VFATAL\0C{state}\0M{message}\0\0");
        let length = u32::try_from(fields.len() + 4).unwrap();
        [b"E".as_slice(), &length.to_be_bytes(), fields.as_bytes()].concat()
    }

    #[tokio::test]
    async fn a_server_that_wants_tls_is_known_in_every_language() {
        let french = "aucune entrée dans pg_hba.conf pour l'hôte, aucun chiffrement";
        let refused = told(Encryption::Off, refusal("28000", french)).await;
        assert!(refused.may_want_encryption());
        let password = told(Encryption::Off, refusal("28P01", "no encryption")).await;
        assert!(!password.may_want_encryption());

        // Where TLS is not offered, the server's own refusal is what a person needs.
        let not_offered = told(Encryption::WithAnyone, b"N".to_vec()).await;
        let shown = refused.unless_heard(not_offered);
        assert!(
            matches!(&shown, LoginError::Refused { source, .. } if source.to_string() == french)
        );
        let answered = shown.unless_heard(password);
        assert!(!answered.may_want_encryption());
    }
}
