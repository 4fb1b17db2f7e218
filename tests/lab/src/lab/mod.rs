//! A lab seen from outside: found, started, looked at, ended.

mod clients;
mod containers;
mod down;
mod images;
mod launch;
mod prepare;
mod refresh;
mod status;
mod up;

use std::env;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::ceph::{self, Ceph};
use crate::consumers::{self, Consumers};
use crate::directories::{self, Directories};
use crate::image::IMAGE;
use crate::keycloak::{self, Keycloak};
use crate::layout::{API_PORT, Layout};
use crate::lock::{self, Lock};
use crate::name::LabName;
use crate::network::Subnet;
use crate::process::{self, Process};
use crate::progress;
use crate::state::{self, Phase, State};
use crate::versitygw::{self, VersityGw};

pub use clients::Error as ClientError;
pub use down::{Error as DownError, down};
pub use images::Error as ImageError;
pub use prepare::Error as PrepareError;
pub use status::{PartStatus, Status};
pub use up::{Error as UpError, Outcome};

/// The variable that holds the path of a lab's state file, which is how tests find their lab.
pub const LAB_VARIABLE: &str = "DATALAB_LAB";

/// Why no lab was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is none of this name.
    #[error("lab {name} is not up: cargo xtask lab up --name {name}")]
    NotUp {
        /// The name.
        name: LabName,
    },
    /// The variable does not lead to a lab.
    #[error("{LAB_VARIABLE} leads to no lab that is up ({}): cargo xtask lab up", .0.display())]
    NotUpAt(PathBuf),
    /// The variable is not set.
    #[error("{LAB_VARIABLE} is not set: eval \"$(cargo xtask lab env)\"")]
    NoVariable,
    /// The state file cannot be used.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The lab's first process cannot be looked at.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The state directory is unknown.
    #[error(transparent)]
    Directories(#[from] directories::Error),
}

/// A lab that is up.
#[derive(Clone, Debug)]
pub struct Lab {
    state: State,
    layout: Layout,
    init: Process,
}

impl Lab {
    /// The lab of this name.
    ///
    /// # Errors
    /// When there is none, or it is not up.
    pub fn find(name: &LabName) -> Result<Self, FindError> {
        let file = State::file_in(&Directories::from_env()?.labs().join(name.as_str()));
        Self::at(&file)?.ok_or_else(|| FindError::NotUp { name: name.clone() })
    }

    /// The lab that [`LAB_VARIABLE`] leads to.
    ///
    /// # Errors
    /// When the variable is not set, or the lab is not up.
    pub fn from_env() -> Result<Self, FindError> {
        let file = env::var_os(LAB_VARIABLE)
            .map(PathBuf::from)
            .ok_or(FindError::NoVariable)?;
        Self::at(&file)?.ok_or(FindError::NotUpAt(file))
    }

    /// The lab with this state file, if its first process runs and `up` has come to its end.
    fn at(file: &Path) -> Result<Option<Self>, FindError> {
        let Some(state) = State::read(file)? else {
            return Ok(None);
        };
        let (Some(init), Phase::Up) = (state.init, state.phase) else {
            return Ok(None);
        };
        let layout = Layout::new(&state.directory);
        Ok(init.is_running()?.then_some(Self {
            state,
            layout,
            init,
        }))
    }

    /// The lab's name.
    #[must_use]
    pub fn name(&self) -> &LabName {
        &self.state.name
    }

    /// Everything that the lab writes is below this directory.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state.directory
    }

    /// The file that [`LAB_VARIABLE`] is to name.
    #[must_use]
    pub fn state_file(&self) -> PathBuf {
        State::file_in(&self.state.directory)
    }

    /// The cluster administrator's kubeconfig, which is self-contained.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// kubectl, of the server's version.
    #[must_use]
    pub fn kubectl(&self) -> &Path {
        &self.state.programs.kubectl
    }

    /// A folder that holds kubectl and nothing else, for the front of PATH.
    #[must_use]
    pub fn bin(&self) -> PathBuf {
        self.layout.bin()
    }

    /// The name of the image that pods can use (with `imagePullPolicy: Never`): Debian with
    /// PostgreSQL's server and client, Python, socat, nc and ip.
    #[must_use]
    pub fn image(&self) -> &'static str {
        IMAGE
    }

    /// The API server's audit log, level Metadata: one JSON object for each request.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.layout.audit_log()
    }

    /// Where its files are.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its address, as this machine and its own parts reach it.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        self.state.subnet.map(Subnet::lab)
    }

    /// The authority that signed the certificates of its servers, in PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> PathBuf {
        self.layout.pki("ca.crt")
    }

    /// Its API server, as this machine reaches it: `https://10.200.N.2:6443`.
    ///
    /// # Panics
    /// Never: a lab that is up has an address.
    #[must_use]
    pub fn server(&self) -> String {
        let address = self.address();
        let address = address.expect("because a lab that is up has an address");
        format!("https://{address}:{API_PORT}")
    }

    /// Its Keycloak, started if it does not run yet, and built before that if the cache has none.
    ///
    /// # Errors
    /// When it cannot be built or started.
    pub fn keycloak(&self) -> Result<Keycloak, keycloak::Error> {
        keycloak::start(self, &mut progress::on_stderr)
    }

    /// Its object store, started if it does not run yet, with Keycloak.
    ///
    /// # Errors
    /// When it cannot be installed or started.
    pub fn ceph(&self) -> Result<Ceph, ceph::Error> {
        ceph::start(self, &mut progress::on_stderr)
    }

    /// Its object store that speaks as AWS does, started if it does not run yet, with Keycloak.
    ///
    /// # Errors
    /// When it cannot be built or started.
    pub fn versitygw(&self) -> Result<VersityGw, versitygw::Error> {
        versitygw::start(self, &mut progress::on_stderr)
    }

    /// Clients of S3 by others, and shells, installed if they are not there yet.
    ///
    /// # Errors
    /// When they cannot be installed.
    pub fn consumers(&self) -> Result<Consumers, consumers::Error> {
        let cache = directories::cache_directory()?;
        consumers::provide(&cache, &mut progress::on_stderr)
    }

    /// The log of one of the lab's parts, such as `kubelet` or `kube-apiserver`.
    #[must_use]
    pub fn node_log(&self, part: &str) -> PathBuf {
        self.layout.log(part)
    }

    /// The pid of the lab's first process: `nsenter --target PID --net --mount --pid --cgroup`
    /// leads into the lab.
    #[must_use]
    pub fn init_pid(&self) -> i32 {
        self.init.pid
    }
}

/// The lock that everything which changes a lab holds.
fn hold(labs: &Path, name: &LabName, waiting: impl FnOnce()) -> Result<Lock, lock::Error> {
    Lock::acquire(&labs.join(format!("{name}.lock")), waiting)
}
