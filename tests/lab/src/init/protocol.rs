//! What `up` and the lab's first process say to each other, a line each.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::progress::Event;

/// The line with which `up` lets the lab begin.
pub(crate) const GO: &[u8] = b"go\n";

/// What the first process tells `up`, as JSON on its stdout.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Message {
    /// Its pid as the machine sees it.
    Pid(i32),
    /// Progress.
    Event(Event),
    /// It could not start the lab and ends.
    Failed {
        /// The step that failed.
        step: String,
        /// Why, with all causes.
        reason: String,
        /// The log of the part that the step is about.
        log: Option<PathBuf>,
    },
    /// Every part runs.
    Ready,
}

pub(super) fn tell(message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// Tells what failed; when nobody listens there is nobody to tell that either.
pub(super) fn tell_failure(step: &str, error: &dyn Error, log: Option<PathBuf>) {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    let _ = tell(&Message::Failed {
        step: step.to_owned(),
        reason,
        log,
    });
}

pub(super) fn await_go() -> io::Result<()> {
    let mut line = [0; GO.len()];
    io::stdin().lock().read_exact(&mut line)?;
    if line == *GO {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Ends this process, and with it the lab, when `up` goes before the lab is ready.
#[expect(
    clippy::exit,
    reason = "the main thread is busy starting what must now end"
)]
pub(super) fn end_with_up(ready: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut rest = Vec::new();
        // Ends when the other end of the pipe is closed, which is all that is waited for.
        let _ = io::stdin().lock().read_to_end(&mut rest);
        if !ready.load(Ordering::SeqCst) {
            std::process::exit(1);
        }
    });
}
