//! The first process of a lab's namespaces: it starts the parts, reports, and outlives `up`.
//!
//! ```text
//! up ── spawns ──> unshare ── forks ──> init (pid 1 of the lab)
//!    <── Pid ─────────────────────────  its pid as the machine sees it
//!    ── writes it into the state file, lays the cable, writes configurations
//!    ── GO ──────────────────────────>  starts the parts
//!    <── Event … Ready or Failed ─────
//! ```
//! Until Ready, init ends as soon as the pipe from `up` closes: a killed `up` takes its half of a
//! lab with it. After Ready nothing connects the two.

mod namespaces;
mod protocol;
mod start;
mod watch;

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::layout::Layout;
use crate::part::Parts;
use crate::state::{self, State};

pub(crate) use protocol::{GO, Message};

/// Why the lab's first process ended. `up` hears of it as a message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The namespaces could not be arranged.
    #[error(transparent)]
    Namespaces(#[from] namespaces::Error),
    /// `up` is gone, or does not speak as expected.
    #[error("lost the connection to `up`")]
    Protocol(#[source] io::Error),
    /// The state file could not be read.
    #[error(transparent)]
    State(#[from] state::Error),
    /// There is no state file.
    #[error("{} does not exist", .0.display())]
    NoState(PathBuf),
    /// A part did not start.
    #[error("the lab did not start")]
    Start,
    /// The parts could not be looked after.
    #[error("cannot look after the lab's parts")]
    Watch(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Runs as pid 1 of a lab until it is killed. `program` is what to run for the policy engine.
///
/// # Errors
/// When the lab does not start.
pub fn run(state_file: &Path, program: &Path) -> Result<Infallible, Error> {
    let pid = namespaces::own_pid_outside()?;
    protocol::tell(&Message::Pid(pid)).map_err(Error::Protocol)?;
    protocol::await_go().map_err(Error::Protocol)?;

    // The address was chosen only after our pid was known.
    let state = State::read(state_file)?.ok_or_else(|| Error::NoState(state_file.to_owned()))?;
    let layout = Layout::new(&state.directory);
    let ready = Arc::new(AtomicBool::new(false));
    let prepared = namespaces::enter(&state);
    // A thread would not be in the cgroup namespace if it were started before.
    protocol::end_with_up(Arc::clone(&ready));
    if let Err(error) = prepared {
        protocol::tell_failure("namespaces", &error, None);
        return Err(error.into());
    }

    let mut parts = Parts::new(layout.clone());
    if let Err(failure) = start::start(&mut parts, &layout, &state, program) {
        protocol::tell_failure(&failure.step, &*failure.source, failure.log);
        return Err(Error::Start);
    }
    ready.store(true, Ordering::SeqCst);
    protocol::tell(&Message::Ready).map_err(Error::Protocol)?;
    watch::forever(parts)
}
