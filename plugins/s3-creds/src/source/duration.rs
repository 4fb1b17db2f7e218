use std::str::FromStr;

use datalab_core::words::{Lifetime, LifetimeError};
use thiserror::Error;

/// Everybody's shortest life of keys, in seconds.
const SHORTEST: u64 = 900;

/// Everybody's longest but MinIO's: AWS' and Ceph's roles end here at the latest.
const TWELVE_HOURS: u64 = 12 * 3600;

/// What a role allows unless it was raised, on AWS and Ceph.
const AN_HOUR: u64 = 3600;

/// What platforms ask MinIO for.
const A_WEEK: u64 = 7 * 24 * 3600;

/// How long keys are to live: `900`, `15m`, `12h`, `7d`, or `max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duration {
    /// In seconds; refused by the server rather than changed.
    Exactly(u64),
    /// As long as the server lets them.
    Max,
}

/// Why a text is no duration.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum DurationError {
    #[error("expected seconds, a number and a unit as in 15m or 12h, or max")]
    Malformed,
    #[error("no server gives keys for less than 15 minutes")]
    TooShort,
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let seconds = match text.parse::<u64>() {
            Ok(seconds) => seconds,
            Err(_) => text
                .parse::<Lifetime>()
                .map_err(|_: LifetimeError| DurationError::Malformed)?
                .as_secs(),
        };
        match seconds {
            0..SHORTEST => Err(DurationError::TooShort),
            seconds => Ok(Self::Exactly(seconds)),
        }
    }
}

/// What is asked for, in seconds, one after the other until the server agrees. A number of the
/// user's is not haggled about; the platform's may be one that its server has never agreed to, and
/// `worked` is what it agreed to the last time.
pub(crate) fn attempts(
    wanted: Option<Duration>,
    platform: Option<u64>,
    worked: Option<u64>,
) -> Vec<u64> {
    let first = match (wanted, platform) {
        (Some(Duration::Exactly(seconds)), _) => return vec![seconds],
        (Some(Duration::Max), _) => A_WEEK,
        (None, Some(seconds)) => seconds.max(SHORTEST),
        (None, None) => AN_HOUR,
    };
    let limit = worked.unwrap_or(first).min(first);
    let mut attempts = vec![limit];
    attempts.extend(
        [TWELVE_HOURS, AN_HOUR]
            .into_iter()
            .filter(|&less| less < limit),
    );
    attempts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, duration) in [
            ("900", Duration::Exactly(900)),
            ("15m", Duration::Exactly(900)),
            ("12h", Duration::Exactly(43_200)),
            ("7d", Duration::Exactly(604_800)),
            ("max", Duration::Max),
        ] {
            assert_eq!(text.parse(), Ok(duration), "{text}");
        }
        assert_eq!("899".parse::<Duration>(), Err(DurationError::TooShort));
        assert_eq!("1h!".parse::<Duration>(), Err(DurationError::Malformed));
        assert_eq!("-1".parse::<Duration>(), Err(DurationError::Malformed));
    }

    #[test]
    fn the_users_number_is_asked_for_once_and_a_platforms_less_and_less() {
        let exactly = Some(Duration::Exactly(86_400));
        assert_eq!(attempts(exactly, Some(604_800), None), [86_400]);
        assert_eq!(
            attempts(Some(Duration::Max), None, None),
            [604_800, 43_200, 3600]
        );
        assert_eq!(attempts(None, Some(604_800), Some(3600)), [3600]);
        assert_eq!(attempts(None, Some(604_800), Some(43_200)), [43_200, 3600]);
        assert_eq!(attempts(None, Some(7200), None), [7200, 3600]);
        assert_eq!(attempts(None, None, None), [3600]);
        assert_eq!(attempts(None, Some(60), None), [900]);
    }
}
