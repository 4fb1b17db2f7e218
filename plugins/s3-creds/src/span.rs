//! Spans of time, for messages.

/// A span as people say it.
pub(crate) fn in_words(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 30) / 60),
        7200..172_800 => format!("{} h", (seconds + 1800) / 3600),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_rounded_to_what_a_reader_can_use() {
        for (seconds, words) in [
            (0, "0 s"),
            (119, "119 s"),
            (899, "15 min"),
            (3599, "60 min"),
            (43_200, "12 h"),
            (604_799, "7 d"),
        ] {
            assert_eq!(in_words(seconds), words, "{seconds}");
        }
    }
}
