use std::fmt;

use ::http::{HeaderMap, StatusCode, header};
use datalab_core::http::Answer;
use jiff::SignedDuration;

use super::{answer::first, words};
use crate::issued::Server;

/// As much of an answer that nobody understands as a reader wants to see, in characters.
const SHOWN: usize = 200;

/// A server's no, as far as it says anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// S3's or STS' code.
    pub(crate) code: Option<String>,
    /// What the server says about it; Ceph says nothing.
    pub(crate) message: Option<String>,
    /// The body's beginning, when it is neither of them.
    pub(crate) body: Option<String>,
    pub(crate) content_type: Option<String>,
    /// How far the server's clock is ahead.
    pub(crate) skew: SignedDuration,
    pub(crate) server: Server,
    /// What is wrong with an answer that is none.
    pub(crate) problem: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn of(answer: &Answer, server: Server) -> Self {
        let there = |text: Option<String>| text.filter(|text| !text.is_empty());
        let [code, message] = first(&answer.body, ["Code", "Message"]).unwrap_or_default();
        let (code, message) = (there(code), there(message));
        let content_type = answer
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .map(str::to_owned);
        // An answer of success holds keys.
        let body = (code.is_none() && !answer.is_success()).then(|| {
            let text = String::from_utf8_lossy(&answer.body);
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            words.chars().take(SHOWN).collect()
        });
        Self {
            status: answer.status,
            code,
            message,
            body: there(body),
            content_type,
            skew: answer.skew(),
            server,
            problem: None,
        }
    }

    pub(super) fn because(mut self, problem: &'static str) -> Self {
        self.problem = Some(problem);
        self
    }

    pub(crate) fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_default()
    }

    /// Whether the server says one of these, word by word, whatever their case: `fraud-team` does
    /// not say `aud`.
    pub(crate) fn says(&self, phrases: &[&str]) -> bool {
        words::hold(self.message.as_deref().unwrap_or_default(), phrases)
    }

    /// Whether it is XML, as far as the server says.
    pub(crate) fn is_xml(&self) -> bool {
        let kind = self.content_type.as_deref();
        kind.is_none_or(|kind| kind.contains("xml"))
    }

    /// Whether it is a page for people.
    pub(crate) fn is_page(&self) -> bool {
        let kind = self.content_type.as_deref().unwrap_or_default();
        kind.starts_with("text/html")
            || self.body.as_deref().is_some_and(|body| {
                let start = body.get(..15).unwrap_or(body).to_lowercase();
                start.starts_with("<!doctype html") || start.starts_with("<html")
            })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered {}", self.status.as_u16())?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {}", message.trim_end_matches('.'))?;
        }
        if let Some(problem) = self.problem {
            write!(f, ", and {problem}")?;
        }
        if let (None, Some(kind)) = (&self.code, &self.content_type) {
            write!(f, " ({kind})")?;
        }
        Ok(())
    }
}

impl Server {
    /// What a server calls itself, by its address and its headers.
    pub(crate) fn of_answer(url: &str, headers: &HeaderMap) -> Self {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_lowercase()
        };
        let server = text("server");
        let request = text("x-amz-request-id");
        if url.contains(".amazonaws.com") {
            Self::Aws
        } else if server.starts_with("minio") {
            Self::Minio
        } else if server.starts_with("rustfs") {
            Self::RustFs
        } else if server.starts_with("seaweedfs") {
            Self::SeaweedFs
        } else if server.contains("ceph") || (request.starts_with("tx0") && request.contains('-')) {
            Self::Ceph
        } else {
            Self::Other
        }
    }
}
