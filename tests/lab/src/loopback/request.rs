//! A request, read off the wire.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use super::form;

/// Longer than any head that belongs here.
const LONGEST_HEAD: usize = 64 * 1024;

/// The first byte of TLS, and of nothing that is HTTP.
const TLS_HANDSHAKE: u8 = 0x16;

/// No form is longer; an object may be.
const LONGEST_FORM: usize = 64 * 1024;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Seen<K> {
    /// What it asked of the server.
    pub endpoint: K,
    /// `GET`, `POST`.
    pub method: String,
    /// The path, without the query, as it came.
    pub path: String,
    /// The query as it came, without its question mark.
    pub query_text: String,
    /// The query's parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// The form's parameters, decoded.
    pub form: BTreeMap<String, String>,
    /// Header names in lower case, and values.
    pub headers: BTreeMap<String, String>,
    /// The body as it came, out of its chunks.
    pub body: Vec<u8>,
}

impl<K> Seen<K> {
    /// A parameter of the form, or else of the query.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form
            .get(name)
            .or_else(|| self.query.get(name))
            .map(String::as_str)
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether the body says that it is a form.
    #[must_use]
    pub fn is_form(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim() == "application/x-www-form-urlencoded"
    }

    /// Now that all is known but what it asks for.
    pub(super) fn of_kind<L>(self, kind: L) -> Seen<L> {
        Seen {
            endpoint: kind,
            method: self.method,
            path: self.path,
            query_text: self.query_text,
            query: self.query,
            form: self.form,
            headers: self.headers,
            body: self.body,
        }
    }
}

impl Seen<()> {
    /// The next request of a connection; none at its end.
    pub(super) fn read(
        stream: &mut (impl Read + Write),
        longest_body: usize,
    ) -> io::Result<Option<Self>> {
        let Some(head) = read_head(stream)? else {
            return Ok(None);
        };
        let mut lines = head.split("\r\n");
        let mut words = lines.next().ok_or_else(wrong)?.split(' ');
        let method = words.next().ok_or_else(wrong)?.to_owned();
        let target = words.next().ok_or_else(wrong)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let says = |name: &str, value: &str| {
            let found = headers.get(name).map(String::as_str).unwrap_or_default();
            found.eq_ignore_ascii_case(value)
        };
        if says("expect", "100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            stream.flush()?;
        }
        let body = match headers.get("content-length") {
            _ if says("transfer-encoding", "chunked") => read_chunks(stream, longest_body)?,
            Some(length) => {
                let length = length.parse().map_err(|_| wrong())?;
                read_exactly(stream, length, longest_body)?
            }
            None => Vec::new(),
        };
        let mut seen = Self {
            endpoint: (),
            method,
            path: path.to_owned(),
            query_text: query.to_owned(),
            query: form::map(query),
            form: BTreeMap::new(),
            headers,
            body,
        };
        // Whatever the client says that it is: the service judges that.
        if seen.body.len() <= LONGEST_FORM {
            seen.form = form::map(&seen.text());
        }
        Ok(Some(seen))
    }
}

fn wrong() -> io::Error {
    io::Error::other("not a request")
}

fn read_exactly(stream: &mut impl Read, length: usize, longest: usize) -> io::Result<Vec<u8>> {
    if length > longest {
        return Err(io::Error::other("a body without end"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(stream: &mut impl Read, longest: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_until(stream, b"\r\n")?.ok_or_else(wrong)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| wrong())?;
        if size == 0 {
            // Trailers, up to an empty line.
            while read_until(stream, b"\r\n")?.is_some_and(|line| !line.is_empty()) {}
            return Ok(body);
        }
        let room = longest.saturating_sub(body.len());
        body.append(&mut read_exactly(stream, size, room)?);
        read_exactly(stream, 2, 2)?;
    }
}

/// A head up to its empty line.
pub(crate) fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    read_until(stream, b"\r\n\r\n")
}

/// Up to this end, byte by byte: what follows belongs to somebody else.
fn read_until(stream: &mut impl Read, end: &[u8]) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end) {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        text.push(byte[0]);
        // Somebody speaks TLS to who does not: servers hang up at once.
        if text == [TLS_HANDSHAKE] || text.len() > LONGEST_HEAD {
            return Err(io::Error::other("a head without end"));
        }
    }
    text.truncate(text.len() - end.len());
    Ok(Some(String::from_utf8_lossy(&text).into_owned()))
}
