//! What the suites of the tools have in common: a user's home, and what a call of a tool came to.
//!
//! - [`Home`]: the folders that a tool may touch, and nobody else's.
//! - [`Ongoing`]: a program that was started, and that ends with the test, whatever becomes of it.
//! - [`Output`]: what it wrote, and how it ended; what holds of every call is asserted of it.

mod home;
mod ongoing;
mod output;

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::skip;

pub use home::Home;
pub use ongoing::Ongoing;
pub use output::Output;

/// Longer than anything takes that has to happen, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked for.
const POLL: Duration = Duration::from_millis(10);

/// The program under test: as it is released, where somebody has built it so (`DATALAB_BIN`), else
/// as cargo has built it for the test.
#[must_use]
pub fn program(built: &str) -> String {
    let released = std::env::var_os("DATALAB_BIN").and_then(|folder| {
        let name = Path::new(built).file_name()?;
        let program = Path::new(&folder).join(name);
        program
            .is_file()
            .then(|| program.to_string_lossy().into_owned())
    });
    released.unwrap_or_else(|| built.to_owned())
}

/// Whether strace is here; where it is not, the test says that it was skipped.
#[must_use]
#[track_caller]
pub fn has_strace(test: &str) -> bool {
    let found = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    if found.is_err() {
        skip(test, "strace");
    }
    found.is_ok()
}

/// Waits for something.
///
/// # Panics
/// When it does not happen.
#[track_caller]
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(POLL);
    }
}

/// Plays all cases at once; what each has to tell, in their order.
///
/// # Panics
/// When a case does: it has said itself what was wrong.
pub fn side_by_side<C: Send, T: Send>(
    cases: impl IntoIterator<Item = C>,
    play: impl Fn(C) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let played: Vec<_> = cases
            .into_iter()
            .map(|case| scope.spawn(|| play(case)))
            .collect();
        let told = played.into_iter().map(|case| case.join());
        told.map(|told| told.expect("because no case failed"))
            .collect()
    })
}
