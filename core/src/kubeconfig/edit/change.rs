use std::{
    fmt,
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use crate::words::Namespace;

/// What an entry of a kubeconfig is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Where to go.
    Cluster,
    /// Whom to be.
    User,
    /// What to combine.
    Context,
}

impl EntryKind {
    /// The word for one, and the key of its content.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::User => "user",
            Self::Context => "context",
        }
    }

    /// The key of the list that holds such entries.
    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::Cluster => "clusters",
            Self::User => "users",
            Self::Context => "contexts",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entry as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What it is.
    pub kind: EntryKind,
    /// Its name.
    pub name: String,
    /// The keys that matter, with null for one that must not be there; others stay as they are.
    pub(super) keys: Map<String, Value>,
}

/// A credential plugin of version `client.authentication.k8s.io/v1` that may talk to the user and
/// is told of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecEntry {
    /// The program, as an absolute path.
    pub command: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What kubectl says when the program is not there.
    pub install_hint: String,
}

impl Change {
    /// A cluster entry. Certificate authorities are PEM; without them, the operating system's hold.
    pub fn cluster(name: &str, server: &str, authorities: Option<&[u8]>) -> Self {
        let mut keys = Map::new();
        keys.insert("server".into(), server.into());
        // What would go before, or against, the trust that is meant.
        keys.insert("insecure-skip-tls-verify".into(), Value::Null);
        keys.insert("certificate-authority".into(), Value::Null);
        keys.insert(
            "certificate-authority-data".into(),
            authorities.map_or(Value::Null, |pem| BASE64.encode(pem).into()),
        );
        Self::new(EntryKind::Cluster, name, keys)
    }

    /// A user entry with a credential plugin, and with no other credential: any other would win.
    pub fn user(name: &str, exec: &ExecEntry) -> Self {
        let ExecEntry {
            command,
            arguments,
            install_hint,
        } = exec;
        let mut keys: Map<String, Value> = [
            "auth-provider",
            "client-certificate",
            "client-certificate-data",
            "client-key",
            "client-key-data",
            "password",
            "token",
            "tokenFile",
            "username",
        ]
        .into_iter()
        .map(|key| (key.to_owned(), Value::Null))
        .collect();
        keys.insert(
            "exec".into(),
            json!({
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": command,
                "args": arguments,
                "installHint": install_hint,
                "interactiveMode": "IfAvailable",
                "provideClusterInfo": true,
            }),
        );
        Self::new(EntryKind::User, name, keys)
    }

    /// A context entry. Without a namespace, one that is there stays.
    pub fn context(name: &str, cluster: &str, user: &str, namespace: Option<&Namespace>) -> Self {
        let mut keys = Map::new();
        keys.insert("cluster".into(), cluster.into());
        keys.insert("user".into(), user.into());
        if let Some(namespace) = namespace {
            keys.insert("namespace".into(), namespace.as_str().into());
        }
        Self::new(EntryKind::Context, name, keys)
    }

    fn new(kind: EntryKind, name: &str, keys: Map<String, Value>) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            keys,
        }
    }
}

/// Which context is to be the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurrentContext {
    /// This one, in place of any other.
    Switch(String),
    /// This one, unless there is one already.
    IfNone(String),
}

/// Entries to be written.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The only file to read and write, as `--kubeconfig` names it; it need not exist.
    pub kubeconfig: Option<PathBuf>,
    /// The entries, in the order in which they are written: a context after what it combines.
    pub changes: Vec<Change>,
    /// The current context.
    pub current_context: Option<CurrentContext>,
}

/// Whether kubectl would make a name of a program's path that it then looks for in PATH. It does
/// so when it edits the user entry later, if the program lies in the kubeconfig's own folder.
pub fn loses_its_path(command: &Path, kubeconfig: &Path) -> bool {
    command.parent().is_some_and(|folder| {
        std::path::absolute(kubeconfig)
            .ok()
            .as_deref()
            .and_then(Path::parent)
            .is_some_and(|kubeconfig| kubeconfig.components().eq(folder.components()))
    })
}
