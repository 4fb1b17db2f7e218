//! A request, read off the wire.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::endpoint::Endpoint;
use super::form;

/// Longer than any request that belongs here; a client that sends more is wrong.
const LONGEST: usize = 64 * 1024;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What it asked of the provider.
    pub endpoint: Endpoint,
    /// `GET`, `POST`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's parameters, decoded.
    pub query: BTreeMap<String, String>,
    /// The form's parameters, decoded.
    pub form: BTreeMap<String, String>,
    /// Header names in lower case, and values.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: String,
}

impl Seen {
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

    /// The next request of a connection; none at its end.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(head) = read_head(stream)? else {
            return Ok(None);
        };
        let wrong = || io::Error::other("not a request");
        let mut lines = head.split("\r\n");
        let mut words = lines.next().ok_or_else(wrong)?.split(' ');
        let method = words.next().ok_or_else(wrong)?.to_owned();
        let target = words.next().ok_or_else(wrong)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers: BTreeMap<_, _> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = match headers.get("content-length") {
            Some(length) => length.parse().map_err(|_| wrong())?,
            None => 0,
        };
        if length > LONGEST {
            return Err(wrong());
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let form = form::map(&body);
        Ok(Some(Self {
            endpoint: Endpoint::of(&method, path, &form),
            method,
            path: path.to_owned(),
            query: form::map(query),
            form,
            headers,
            body,
        }))
    }
}

/// A head up to its empty line, byte by byte: what follows belongs to the body.
pub(super) fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
        if head.len() > LONGEST {
            return Err(io::Error::other("a head without end"));
        }
    }
    head.truncate(head.len() - 4);
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}
