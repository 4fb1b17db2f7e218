//! Two ways of doing one thing, run in turn, so that a busy moment of the machine meets both.

use std::error::Error;
use std::time::{Duration, Instant};

type Failure = Box<dyn Error + Send + Sync>;

/// Medians of both ways, and how they compare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compared {
    pub(super) ours: Duration,
    pub(super) peer: Duration,
}

impl Compared {
    /// Our time by the peer's.
    pub(super) fn ratio(self) -> f64 {
        self.ours.as_secs_f64() / self.peer.as_secs_f64()
    }
}

/// Runs both in turn, and the first in turn as well; each says itself how long it took.
pub(super) fn interleaved(
    rounds: usize,
    mut ours: impl FnMut() -> Result<Duration, Failure>,
    mut peer: impl FnMut() -> Result<Duration, Failure>,
) -> Result<Compared, Failure> {
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        if round % 2 == 0 {
            mine.push(ours()?);
            theirs.push(peer()?);
        } else {
            theirs.push(peer()?);
            mine.push(ours()?);
        }
    }
    Ok(Compared {
        ours: median(mine),
        peer: median(theirs),
    })
}

/// How long something takes.
pub(super) fn timed(work: impl FnOnce() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts_and_both_begin_in_turn() {
        let order = std::cell::RefCell::new(String::new());
        let mut times = [5, 1, 9].into_iter().map(Duration::from_millis);
        let compared = interleaved(
            3,
            || {
                order.borrow_mut().push('o');
                Ok(times.next().unwrap_or_default())
            },
            || {
                order.borrow_mut().push('p');
                Ok(Duration::from_millis(10))
            },
        )
        .unwrap();
        assert_eq!(compared.ours, Duration::from_millis(5));
        assert!((compared.ratio() - 0.5).abs() < f64::EPSILON);
        assert_eq!(*order.borrow(), "oppoop");
    }
}
