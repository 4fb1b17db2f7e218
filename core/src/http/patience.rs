use std::time::Duration;

use super::{Answer, Client, Error, Request};

/// An identity provider that hashes a password on a busy machine takes seconds.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How often a request is sent, and how long it may take in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often it is sent at most.
    pub attempts: u32,
    /// The longest pause between two attempts; a server that wants a longer one has said no.
    pub longest_pause: Duration,
    /// How long an answer may take, from the first byte sent to the last one read.
    pub longest_answer: Duration,
}

impl Patience {
    /// For work that a person waits for.
    pub const USUAL: Self = Self {
        attempts: 4,
        longest_pause: Duration::from_secs(5),
        longest_answer: ANSWER_LIMIT,
    };
    /// For what must not be asked twice.
    pub const NONE: Self = Self {
        attempts: 1,
        longest_pause: Duration::ZERO,
        longest_answer: ANSWER_LIMIT,
    };
    /// For work that can be done later as well, while somebody waits. Not much shorter: a refresh
    /// that the provider has carried out, and whose answer is not awaited, costs a login.
    pub const BRIEF: Self = Self {
        longest_answer: Duration::from_secs(10),
        ..Self::NONE
    };

    /// The pause after so many attempts: 0.3 s, 0.9 s, 2.7 s, unless the server asks for more.
    fn pause(self, attempt: u32, asked: Option<u64>) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let pause = Duration::from_millis(300 * 3u64.saturating_pow(attempt - 1));
        let pause = pause.max(Duration::from_secs(asked.unwrap_or(0)));
        (asked.is_none() || pause <= self.longest_pause).then(|| pause.min(self.longest_pause))
    }
}

/// Whether a server that answers so may answer otherwise a moment later.
fn may_pass(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 429 | 500 | 502 | 503 | 504)
}

impl Client {
    /// Sends a request until an answer comes that is no "later": 429 and 5xx, broken and refused
    /// connections are tried again, with growing pauses, or as long as the server asks for.
    ///
    /// # Errors
    /// The last [`Error`]; the last answer is an answer, whatever its status.
    pub async fn send_patiently(
        &self,
        request: Request,
        patience: Patience,
    ) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let result = self
                .send_within(request.clone(), patience.longest_answer)
                .await;
            let asked = match &result {
                Ok(answer) if may_pass(answer) => answer.retry_after(),
                Err(error) if error.may_pass() => None,
                _ => return result,
            };
            let Some(pause) = patience.pause(attempt, asked) else {
                return result;
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_server_may_ask_for_longer_ones() {
        let pause = |attempt, asked| {
            Patience::USUAL
                .pause(attempt, asked)
                .map(|pause| pause.as_millis())
        };
        assert_eq!(pause(1, None), Some(300));
        assert_eq!(pause(3, None), Some(2700));
        assert_eq!(pause(4, None), None);
        assert_eq!(pause(1, Some(2)), Some(2000));
        assert_eq!(pause(1, Some(60)), None);
        assert_eq!(Patience::NONE.pause(1, None), None);
    }
}
