//! Saying that a test is skipped, so that nobody takes it for passed.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

/// Says on stderr that `test` is skipped because it needs `what`, and adds the same line to the
/// file that `DATALAB_SKIPS` names, from which `cargo xtask test` counts.
///
/// # Panics
/// With `CI=true`, where nothing may be skipped; and when the file cannot be written, since a
/// skip that nobody sees is a silent pass.
#[track_caller]
pub fn skip(test: &str, what: &str) {
    let line = format!("skipped: {test} (needs {what})");
    let on_ci = env::var("CI").is_ok_and(|value| value == "true");
    assert!(!on_ci, "{line}; on CI nothing may be skipped");
    // The test harness captures stderr only of its own macros: this line is always seen.
    let _ = writeln!(io::stderr(), "{line}");
    if let Some(file) = env::var_os("DATALAB_SKIPS") {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut skips| writeln!(skips, "{line}"))
            .expect("because the file that DATALAB_SKIPS names can be appended to");
    }
}
