use std::{str::FromStr, time::Duration};

use thiserror::Error;

/// `--request-timeout` as kubectl reads it: a bare number of seconds, or a duration such as `1s`,
/// `2m`, `1h30m` or `500ms`; zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTimeout(Option<Duration>);

/// Why a text is not a request timeout.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected seconds or a duration, as in 30, 1s, 2m or 1h30m; 0 for no limit")]
pub struct RequestTimeoutError;

impl RequestTimeout {
    /// The limit; `None` when there is none.
    pub const fn limit(self) -> Option<Duration> {
        self.0
    }
}

impl FromStr for RequestTimeout {
    type Err = RequestTimeoutError;

    fn from_str(text: &str) -> Result<Self, RequestTimeoutError> {
        let duration = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => duration(text)?,
        };
        Ok(Self(Some(duration).filter(|duration| !duration.is_zero())))
    }
}

/// Go's duration syntax: numbers, with a fraction if need be, each followed by a unit.
fn duration(text: &str) -> Result<Duration, RequestTimeoutError> {
    if text.is_empty() {
        return Err(RequestTimeoutError);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
            .count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(RequestTimeoutError),
        };
        let number: f64 = number.parse().map_err(|_| RequestTimeoutError)?;
        total = Duration::try_from_secs_f64(number * seconds)
            .ok()
            .and_then(|part| total.checked_add(part))
            .ok_or(RequestTimeoutError)?;
        rest = tail;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubectl_reads() {
        for (text, milliseconds) in [
            ("30", 30_000),
            ("1s", 1_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("1.5s", 1_500),
            ("3h", 10_800_000),
        ] {
            assert_eq!(
                text.parse::<RequestTimeout>().unwrap().limit(),
                Some(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["0", "0s", "0m0s"] {
            assert_eq!(
                text.parse::<RequestTimeout>().unwrap().limit(),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "s",
            "-1",
            "1d",
            "1 s",
            "soon",
            "1s2",
            "1.2.3s",
            "999999999999999999999h",
        ] {
            assert!(text.parse::<RequestTimeout>().is_err(), "{text} was let in");
        }
    }
}
