//! What is asked of a server.

use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::Error;

/// A request, made part by part.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    url: Url,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request of this method, without a body.
    ///
    /// # Errors
    /// When `url` is not one of http or https.
    pub fn new(method: &'static str, url: &str) -> Result<Self, Error> {
        let parsed = Url::parse(url)
            .ok()
            .filter(|url| ["http", "https"].contains(&url.scheme()));
        Ok(Self {
            method,
            url: parsed.ok_or_else(|| Error::Address(url.to_owned()))?,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When `url` is not one of http or https.
    pub fn get(url: &str) -> Result<Self, Error> {
        Self::new("GET", url)
    }

    /// Sends a form, as a browser or an OAuth client does.
    ///
    /// # Errors
    /// When `url` is not one of http or https.
    pub fn form<K: AsRef<str>, V: AsRef<str>>(
        url: &str,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request =
            Self::new("POST", url)?.header("Content-Type", "application/x-www-form-urlencoded");
        request.body = body.into_bytes();
        Ok(request)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Presents a token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(mut self, value: &Value) -> Self {
        self.body = value.to_string().into_bytes();
        self.header("Content-Type", "application/json")
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Where it goes.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Its method.
    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    /// What it sends.
    pub(crate) fn content(&self) -> &[u8] {
        &self.body
    }

    /// As it is sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self {
            method, url, body, ..
        } = self;
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: */*\r\n"
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if *method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_sent_as_browsers_do() {
        let request = Request::form("https://h:1/a?b=c#d", [("x", "1 &"), ("y", "")]).unwrap();
        assert_eq!(
            String::from_utf8(request.bytes()).unwrap(),
            "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\nAccept: */*\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nx=1+%26&y="
        );
    }

    #[test]
    fn only_the_web_is_asked() {
        assert!(Request::get("file:///etc/passwd").is_err());
        assert!(Request::get("no address").is_err());
    }
}
