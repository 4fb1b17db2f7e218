use http::{HeaderMap, StatusCode, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};
use serde::de::DeserializeOwned;

/// A server's whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// When the answer came, by this machine's clock.
    pub received: Timestamp,
}

/// The `Date` header has whole seconds, and the answer was under way: less is no difference.
const SMALLEST_SKEW: SignedDuration = SignedDuration::from_secs(3);

impl Answer {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// How far the server's clock is ahead of this machine's, by its `Date` header; zero when it
    /// sends none, and when the difference is too small to be known.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1>
    pub fn skew(&self) -> SignedDuration {
        static DATE: DateTimeParser = DateTimeParser::new();
        let date = self
            .headers
            .get(header::DATE)
            .and_then(|date| date.to_str().ok())
            .and_then(|date| DATE.parse_timestamp(date).ok());
        match date.map(|date| date.duration_since(self.received)) {
            Some(skew) if skew.abs() >= SMALLEST_SKEW => skew,
            _ => SignedDuration::ZERO,
        }
    }

    /// The seconds after which the server wants to be asked again.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
    pub fn retry_after(&self) -> Option<u64> {
        let value = self.headers.get(header::RETRY_AFTER)?;
        value.to_str().ok()?.trim().parse().ok()
    }

    /// Whether the server says of the body that it is JSON.
    pub fn is_json(&self) -> bool {
        let kind = self.media_type();
        kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
    }

    /// Whether the server says of the body that it is a page for people.
    pub fn is_html(&self) -> bool {
        self.media_type().eq_ignore_ascii_case("text/html")
    }

    fn media_type(&self) -> &str {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.split(';').next().unwrap_or_default().trim()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// Where it goes wrong, without a word of it: it may hold a token.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answer(name: header::HeaderName, value: &'static str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(name, HeaderValue::from_static(value))]),
            body: Vec::new(),
            received: "2026-11-21T12:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_clock_that_differs() {
        let skew = |date| answer(header::DATE, date).skew().as_secs();
        assert_eq!(skew("Sat, 21 Nov 2026 12:05:00 GMT"), 300);
        assert_eq!(skew("Sat, 21 Nov 2026 11:55:00 GMT"), -300);
        assert_eq!(skew("Sat, 21 Nov 2026 12:00:02 GMT"), 0);
        assert_eq!(skew("some time"), 0);
    }

    #[test]
    fn what_is_json() {
        let json = |kind| answer(header::CONTENT_TYPE, kind).is_json();
        assert!(json("application/json") && json("Application/JSON; charset=utf-8"));
        assert!(json("application/jwk-set+json"));
        assert!(!json("text/html"));
    }
}
