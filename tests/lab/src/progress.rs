//! What a long task tells while it works.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Something worth a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A step began; several may run at once.
    Started {
        /// What is being done.
        step: String,
    },
    /// A step is done.
    Finished {
        /// The name it began with.
        step: String,
        /// How long it took.
        took: Duration,
    },
    /// Something a person should know, such as what is being waited for.
    Note(String),
}

/// Whoever shows progress. Any `FnMut(Event)` will do.
pub trait Progress {
    /// Takes one event.
    fn report(&mut self, event: Event);
}

impl<F: FnMut(Event)> Progress for F {
    fn report(&mut self, event: Event) {
        self(event);
    }
}

/// Tells what takes long to whoever watches the tests: their harness does not capture this.
pub(crate) fn on_stderr(event: Event) {
    let line = match event {
        Event::Started { .. } => return,
        Event::Finished { step, took } => format!("{:>7.1} s  {step}", took.as_secs_f64()),
        Event::Note(text) => text,
    };
    // A story goes on even when nobody can be shown how.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Progress of two threads at once, shown as one.
pub(crate) struct Shared<'a, 'b>(pub(crate) &'a Mutex<&'b mut (dyn Progress + Send)>);

impl Progress for Shared<'_, '_> {
    fn report(&mut self, event: Event) {
        // Whoever panicked while it held the lock had at worst shown half a line.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .report(event);
    }
}

/// Does `work` as a step of its own. A step that fails never finishes.
///
/// # Errors
/// What `work` fails with.
pub(crate) fn step<T, E>(
    progress: &mut dyn Progress,
    name: &str,
    work: impl FnOnce(&mut dyn Progress) -> Result<T, E>,
) -> Result<T, E> {
    progress.report(Event::Started {
        step: name.to_owned(),
    });
    let began = Instant::now();
    let value = work(progress)?;
    progress.report(Event::Finished {
        step: name.to_owned(),
        took: began.elapsed(),
    });
    Ok(value)
}
