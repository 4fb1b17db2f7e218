//! Calls of programs, timed, and what their times come to in a row of the table.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{
    Failure,
    measure::{Compared, timed},
    table::Row,
};

/// How long one call takes; what it prints is dropped.
pub(super) fn call(mut command: Command) -> Result<Duration, Failure> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    timed(|| match command.status()?.success() {
        true => Ok(()),
        false => Err(format!("{command:?} failed").into()),
    })
}

/// How long so many calls take that begin together, until the last one has ended.
pub(super) fn at_once(many: usize, command: impl Fn() -> Command) -> Result<Duration, Failure> {
    let mut commands: Vec<Command> = (0..many).map(|_| command()).collect();
    let begun = Instant::now();
    let children: Vec<Child> = commands
        .iter_mut()
        .map(|command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn()
        })
        .collect::<Result<_, _>>()?;
    let mut failed = 0;
    for mut child in children {
        failed += usize::from(!child.wait()?.success());
    }
    match failed {
        0 => Ok(begun.elapsed()),
        failed => Err(format!("{failed} of {many} calls failed").into()),
    }
}

pub(super) fn at_most(
    what: &'static str,
    compared: Compared,
    peer: &str,
    limit: f64,
    target: &'static str,
) -> Row {
    Row {
        what,
        ours: milliseconds(compared.ours),
        peer: format!("{}, {peer}", milliseconds(compared.peer)),
        value: format!("{:.2} ×", compared.ratio()),
        target,
        met: compared.ratio() <= limit,
    }
}

/// A row whose target is how many milliseconds more than the peer's it may be.
pub(super) fn at_most_more(
    what: &'static str,
    compared: Compared,
    peer: &str,
    limit: f64,
    target: &'static str,
) -> Row {
    let more = (compared.ours.as_secs_f64() - compared.peer.as_secs_f64()) * 1e3;
    Row {
        what,
        ours: milliseconds(compared.ours),
        peer: format!("{}, {peer}", milliseconds(compared.peer)),
        value: format!("{more:+.1} ms"),
        target,
        met: more <= limit,
    }
}

pub(super) fn faster(
    what: &'static str,
    compared: Compared,
    peer: &str,
    limit: f64,
    target: &'static str,
) -> Row {
    let times = compared.ratio().recip();
    Row {
        what,
        ours: milliseconds(compared.ours),
        peer: format!("{}, {peer}", milliseconds(compared.peer)),
        value: format!("{times:.1} × faster"),
        target,
        met: times >= limit,
    }
}

pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
