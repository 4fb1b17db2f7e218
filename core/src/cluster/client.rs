use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use http::HeaderValue;
use jiff::Timestamp;

use super::{Error, credential::Plugin, transport};
use crate::{
    kubeconfig::{Connection, Credential, ExecSpec},
    words::Namespace,
    world::World,
};

/// Where a line about each request goes: method, URL, status and milliseconds, never a header or a
/// body.
pub type Trace = Arc<dyn Fn(&str) + Send + Sync>;

/// A connection to one API server as one user; cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    pub(super) shared: Arc<Shared>,
    pub(super) trace: Option<Trace>,
}

pub(super) struct Shared {
    pub(super) connection: Connection,
    /// The server's URL, and the proxy on the way, for errors.
    pub(super) place: String,
    agent: HeaderValue,
    plugin: Option<Plugin>,
    current: Mutex<Current>,
    renewal: tokio::sync::Mutex<()>,
    clock: Mutex<Option<Reading>>,
}

/// The client in use, and how many came before it.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) client: kube::Client,
    pub(super) generation: u32,
}

/// A server's time, and when it was heard.
#[derive(Clone, Copy)]
struct Reading {
    time: Timestamp,
    heard: Instant,
}

impl Cluster {
    /// Builds the client; a credential plugin runs now, the server is not asked anything yet.
    /// `agent` is what audit logs show: `kubectl-datalab-share-db/0.1.0`.
    ///
    /// # Errors
    /// [`Error::Credential`] of the plugin, or [`Error::Configuration`].
    pub async fn connect(
        connection: Connection,
        agent: &str,
        world: &World,
    ) -> Result<Self, Error> {
        let agent = HeaderValue::from_str(agent).map_err(|error| Error::Configuration {
            what: "the user agent".to_owned(),
            reason: error.to_string(),
        })?;
        let plugin = match &connection.credential {
            Credential::Exec(spec) => Some(Plugin::new(ExecSpec::clone(spec), world)),
            _ => None,
        };
        let obtained = match &plugin {
            Some(plugin) => Some(plugin.run().await?),
            None => None,
        };
        let client = transport::client(&connection, &agent, obtained.as_ref())?;
        Ok(Self {
            shared: Arc::new(Shared {
                place: transport::place(&connection),
                connection,
                agent,
                plugin,
                current: Mutex::new(Current {
                    client,
                    generation: 0,
                }),
                renewal: tokio::sync::Mutex::new(()),
                clock: Mutex::new(None),
            }),
            trace: None,
        })
    }

    /// The same connection, with a line about each request.
    #[must_use]
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// The namespace to work in when a command names none.
    pub fn namespace(&self) -> &Namespace {
        &self.shared.connection.namespace
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.shared.connection.server
    }
}

impl Shared {
    pub(super) fn current(&self) -> Current {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn can_renew(&self) -> bool {
        self.plugin.is_some()
    }

    /// Runs the credential plugin again, unless somebody did since that client was handed out.
    pub(super) async fn renew(&self, generation: u32) -> Result<(), Error> {
        let Some(plugin) = &self.plugin else {
            return Ok(());
        };
        let _one_at_a_time = self.renewal.lock().await;
        if self.current().generation != generation {
            return Ok(());
        }
        let obtained = plugin.run().await?;
        let client = transport::client(&self.connection, &self.agent, Some(&obtained))?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Current {
            client,
            generation: generation + 1,
        };
        Ok(())
    }

    pub(super) fn hear_time(&self, time: Timestamp) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(Reading {
            time,
            heard: Instant::now(),
        });
    }

    /// The server's time by its last answer.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let reading = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        reading.and_then(|Reading { time, heard }| time.checked_add(heard.elapsed()).ok())
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("server", &self.shared.connection.server)
            .field("namespace", &self.shared.connection.namespace)
            .finish_non_exhaustive()
    }
}
