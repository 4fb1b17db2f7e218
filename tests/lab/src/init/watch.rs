//! After the start: the lab's first process takes note of what ends, and buries orphans.

use std::convert::Infallible;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, wait};

use super::Error;
use crate::control_plane::NETWORK_POLICY_ENGINE;
use crate::part::Parts;

/// A pause that keeps an engine which cannot run from using the machine up.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// Waits for children until this process is killed. Nothing is started again, so that a failure
/// stays visible, but the policy engine.
pub(super) fn forever(mut parts: Parts) -> Result<Infallible, Error> {
    let watch = |error| Error::Watch(Box::new(error));
    loop {
        let (pid, status) = match wait() {
            Ok(WaitStatus::Exited(pid, code)) => (pid, code << 8),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, signal as i32),
            Ok(_) | Err(Errno::EINTR) => continue,
            // Nobody is left; the state of the parts says so.
            Err(Errno::ECHILD) => {
                thread::sleep(RESTART_AFTER);
                continue;
            }
            Err(errno) => return Err(Error::Watch(Box::new(errno))),
        };
        let Some(name) = parts.note_end(pid.as_raw(), status) else {
            continue;
        };
        parts.record().map_err(watch)?;
        if name == NETWORK_POLICY_ENGINE {
            thread::sleep(RESTART_AFTER);
            parts.restart(name).map_err(watch)?;
        }
    }
}
