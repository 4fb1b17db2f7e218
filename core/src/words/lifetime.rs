use std::{fmt, str::FromStr, time::Duration};

use thiserror::Error;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// A span of time as people write it: `30d`, `12h`, `2w`, `90m`, `45s`, or several (`1d12h`).
///
/// A day is 24 hours, a week seven of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u64);

/// Why a text is not a lifetime.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifetimeError {
    /// Not a sequence of numbers with units.
    #[error("expected a number and a unit, as in 30d, 12h or 1w")]
    Malformed,
    /// Zero, or a sum that does not fit.
    #[error("must be longer than nothing and shorter than 1000 years")]
    OutOfRange,
}

/// The longest lifetime, in seconds: a thousand years, so that adding it to a date cannot overflow.
const MAX_SECONDS: u64 = 1000 * 365 * DAY;

impl Lifetime {
    /// A lifetime of whole days.
    pub const fn from_days(days: u32) -> Self {
        Self(days as u64 * DAY)
    }

    /// The length in seconds.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// The length as a [`Duration`].
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Lifetime {
    type Err = LifetimeError;

    fn from_str(text: &str) -> Result<Self, LifetimeError> {
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let unit = match tail.bytes().next() {
                Some(b's') => 1,
                Some(b'm') => MINUTE,
                Some(b'h') => HOUR,
                Some(b'd') => DAY,
                Some(b'w') => WEEK,
                _ => return Err(LifetimeError::Malformed),
            };
            if number.is_empty() {
                return Err(LifetimeError::Malformed);
            }
            total = number
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(unit))
                .and_then(|seconds| total.checked_add(seconds))
                .ok_or(LifetimeError::OutOfRange)?;
            rest = &tail[1..];
        }
        match total {
            0 if text.is_empty() => Err(LifetimeError::Malformed),
            1..MAX_SECONDS => Ok(Self(total)),
            _ => Err(LifetimeError::OutOfRange),
        }
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (unit, letter) in [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm'), (1, 's')] {
            if rest >= unit {
                write!(f, "{}{letter}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [
            ("30d", 2_592_000),
            ("12h", 43_200),
            ("2w", 1_209_600),
            ("90m", 5_400),
            ("1d12h", 129_600),
            ("45s", 45),
        ] {
            assert_eq!(
                text.parse::<Lifetime>().unwrap().as_secs(),
                seconds,
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "", "30", "d", "30 d", "-1d", "1.5d", "30D", "1y", "d30", "30d!",
        ] {
            assert_eq!(
                text.parse::<Lifetime>(),
                Err(LifetimeError::Malformed),
                "{text}"
            );
        }
        for text in [
            "0d",
            "99999999999999999999d",
            "18446744073709551615w",
            "365001d",
        ] {
            assert_eq!(
                text.parse::<Lifetime>(),
                Err(LifetimeError::OutOfRange),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for text in ["30d", "1d12h", "1h30m", "45s", "14d"] {
            assert_eq!(text.parse::<Lifetime>().unwrap().to_string(), text);
        }
    }
}
