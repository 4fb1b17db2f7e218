//! What is answered.

use std::io::{self, Write};

use serde_json::{Value, json};

/// What an endless answer is made of.
const CHUNK: [u8; 16 * 1024] = [b' '; 16 * 1024];

/// No client may read as much of an endless answer; the server itself has to end some time.
const ENDLESS: usize = 256 * 1024 * 1024;

/// An answer, the server's own or one that is given in its place.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) code: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    endless: bool,
}

impl Reply {
    /// A document.
    #[must_use]
    pub fn json(code: u16, body: &Value) -> Self {
        Self::text(code, "application/json", &body.to_string()).header("cache-control", "no-store")
    }

    /// An error in the words of OAuth 2.
    #[must_use]
    pub fn error(code: u16, error: &str, description: &str) -> Self {
        Self::json(
            code,
            &json!({"error": error, "error_description": description}),
        )
    }

    /// A page, as proxies and portals send it.
    #[must_use]
    pub fn html(code: u16, body: &str) -> Self {
        Self::text(code, "text/html; charset=utf-8", body)
    }

    /// A document of XML, as it is.
    #[must_use]
    pub fn xml(code: u16, body: &str) -> Self {
        Self::text(code, "application/xml", body)
    }

    /// Bytes, of whatever kind the headers say.
    #[must_use]
    pub fn bytes(code: u16, body: Vec<u8>) -> Self {
        Self {
            body,
            ..Self::empty(code)
        }
    }

    /// No content at all.
    #[must_use]
    pub fn empty(code: u16) -> Self {
        Self {
            code,
            headers: Vec::new(),
            body: Vec::new(),
            endless: false,
        }
    }

    /// The way to another place.
    #[must_use]
    pub fn redirect(code: u16, location: &str) -> Self {
        Self::empty(code).header("location", location)
    }

    /// A document that never ends: valid JSON would still be possible, were it not for its size.
    #[must_use]
    pub fn endless() -> Self {
        Self {
            endless: true,
            ..Self::text(200, "application/json", "{\"padding\":\"")
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A text of this content type.
    #[must_use]
    pub fn text(code: u16, kind: &str, body: &str) -> Self {
        Self::bytes(code, body.as_bytes().to_vec()).header("content-type", kind)
    }

    /// Sends it, to a HEAD request without its body; `half` ends in the middle of it.
    pub(super) fn write(
        &self,
        stream: &mut impl Write,
        date: &str,
        to_head: bool,
        half: bool,
    ) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.code, reason(self.code));
        head.push_str(&format!("date: {date}\r\n"));
        if self.endless {
            head.push_str("connection: close\r\n");
        } else if !self
            .headers
            .iter()
            .any(|(name, _)| name == "content-length")
        {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if !to_head {
            bytes.extend_from_slice(&self.body);
        }
        if half {
            bytes.truncate(bytes.len() - self.body.len() / 2 - 1);
        }
        stream.write_all(&bytes)?;
        if self.endless {
            for _ in 0..ENDLESS / CHUNK.len() {
                stream.write_all(&CHUNK)?;
            }
        }
        stream.flush()
    }

    pub(super) fn is_endless(&self) -> bool {
        self.endless
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unnamed",
    }
}
