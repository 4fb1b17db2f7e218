use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Credential, LoginError, Server, Session, Statement};

/// The superuser of one server. Each session is a request to the API server and one of the few
/// connections that a small server has, so the ones that are needed again are kept.
pub(crate) struct Superuser {
    pub(crate) server: Server,
    pub(crate) credential: Credential,
    /// By database.
    kept: Mutex<BTreeMap<String, Arc<Session>>>,
}

impl Superuser {
    pub(crate) fn new(server: Server, credential: Credential) -> Self {
        Self {
            server,
            credential,
            kept: Mutex::default(),
        }
    }

    /// A session of a database, kept for whoever asks next; a lost one is replaced.
    pub(crate) async fn session(&self, database: &str) -> Result<Arc<Session>, LoginError> {
        let session = self.visit(database).await?;
        self.keep(&session);
        Ok(session)
    }

    /// A session as [`Superuser::session`] gives it; one that is made for it shows the server's
    /// certificate, see [`Server::presented`].
    pub(crate) async fn session_seeing_certificate(
        &self,
        database: &str,
    ) -> Result<Arc<Session>, LoginError> {
        if self.has_kept(database) {
            return self.session(database).await;
        }
        let login = self
            .server
            .login_seeing_certificate(&self.credential, database);
        let session = Arc::new(login.await?);
        self.keep(&session);
        Ok(session)
    }

    fn keep(&self, session: &Arc<Session>) {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session.database().to_owned(), Arc::clone(session));
    }

    /// The kept session of a database, or one that ends with the look it is for.
    pub(crate) async fn visit(&self, database: &str) -> Result<Arc<Session>, LoginError> {
        match self.kept().into_iter().find(|s| s.database() == database) {
            Some(session) => Ok(session),
            None => self
                .server
                .login(&self.credential, database)
                .await
                .map(Arc::new),
        }
    }

    /// Whether a look at a database takes no login.
    pub(crate) fn has_kept(&self, database: &str) -> bool {
        self.kept()
            .iter()
            .any(|session| session.database() == database)
    }

    /// Ends whatever transaction a session is in the middle of. A COMMIT that was on its way is
    /// carried out before; a lost session cannot commit any more. Nor are streams used that were
    /// opened for what has failed since.
    pub(crate) async fn roll_back(&self) {
        self.server.expect_no_logins();
        for session in self.kept() {
            let _ = session.run(&Statement::open("ROLLBACK")).await;
        }
    }

    /// The sessions that are not lost.
    fn kept(&self) -> Vec<Arc<Session>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, session| !session.is_lost());
        kept.values().cloned().collect()
    }
}

impl fmt::Debug for Superuser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Superuser")
            .field("server", &self.server)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}
