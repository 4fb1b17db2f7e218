use jiff::Timestamp;

/// A moment as people write it down: without fractions of a second.
pub fn whole_seconds(moment: Timestamp) -> String {
    Timestamp::from_second(moment.as_second())
        .unwrap_or(moment)
        .to_string()
}
