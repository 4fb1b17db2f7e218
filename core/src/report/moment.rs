use jiff::Timestamp;
use serde::Serializer;

/// A moment as people write it down: without fractions of a second.
pub fn whole_seconds(moment: Timestamp) -> String {
    Timestamp::from_second(moment.as_second())
        .unwrap_or(moment)
        .to_string()
}

/// The same for serde's `serialize_with`, of a moment or of an `Option` of one: Kubernetes writes
/// times so, and jq's `fromdate` reads no others.
///
/// # Errors
/// The serializer's own.
pub fn in_seconds<T, S>(moment: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    for<'t> &'t T: Into<Option<&'t Timestamp>>,
    S: Serializer,
{
    match moment.into() {
        Some(moment) => serializer.serialize_str(&whole_seconds(*moment)),
        None => serializer.serialize_none(),
    }
}
