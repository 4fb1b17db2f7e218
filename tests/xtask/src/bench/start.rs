//! What it costs to have the tool at all: its size, and its start.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{
    Failure,
    measure::{interleaved, timed},
    table::Row,
};

/// A start takes a millisecond: many make a steady median.
const STARTS: usize = 400;

pub(super) fn rows(program: &Path) -> Result<Vec<Row>, Failure> {
    let start = interleaved(
        STARTS,
        || start(program, &["--help"]),
        || start(Path::new("/bin/true"), &[]),
    )?;
    let size = fs::metadata(program)?.len();
    let megabytes = format!("{:.1} MB", size as f64 / 1e6);
    Ok(vec![
        Row {
            what: "start, `--help`",
            ours: format!("{:.2} ms", start.ours.as_secs_f64() * 1e3),
            peer: format!("{:.2} ms, /bin/true", start.peer.as_secs_f64() * 1e3),
            value: format!("{:.2} ×", start.ratio()),
            target: "≤ 3 ×",
            met: start.ratio() <= 3.0,
        },
        Row {
            what: "size of the binary",
            ours: megabytes.clone(),
            peer: "-".to_owned(),
            value: megabytes,
            target: "≤ 10 MB",
            met: size <= 10_000_000,
        },
    ])
}

fn start(program: &Path, arguments: &[&str]) -> Result<Duration, Failure> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    timed(|| {
        if !command.status()?.success() {
            return Err(format!("{} does not start", program.display()).into());
        }
        Ok(())
    })
}
