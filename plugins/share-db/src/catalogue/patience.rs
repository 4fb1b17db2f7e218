use std::{future::Future, time::Duration};

use datalab_core::report::{Failure, Kind};
use tokio::time::Instant;

/// How often a waiting command looks again.
const POLL: Duration = Duration::from_secs(1);

/// How long a command waits for a database that is suspended, starting or failing over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    asked: Option<Duration>,
    begun: Instant,
}

impl Patience {
    /// From now on; without a duration there is none.
    pub(crate) fn of(asked: Option<Duration>) -> Self {
        Self {
            asked,
            begun: Instant::now(),
        }
    }

    /// Looks again for as long as what keeps the database away may pass.
    ///
    /// # Errors
    /// That of the last look, with what was, or could be, waited.
    pub(crate) async fn looking<T, F: Future<Output = Result<T, Failure>>>(
        self,
        look: impl Fn() -> F,
    ) -> Result<T, Failure> {
        loop {
            let failure = match look().await {
                Err(failure) if failure.kind() == Kind::Unreachable => failure,
                result => return result,
            };
            let Some(asked) = self.asked else {
                return Err(failure.next("the same command with --wait"));
            };
            let left = asked.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                return Err(failure.detail(format!("waited {} s", asked.as_secs())));
            }
            tokio::time::sleep(POLL.min(left)).await;
        }
    }
}
