use std::fmt;

use datalab_core::{http, words::Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but RFC 3986's unreserved characters, as signatures want it too. A blank is `%20`: Ceph before
/// Quincy takes a `+` for itself.
pub(crate) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What is asked of a token service.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// The service's address.
    pub(crate) url: &'a str,
    pub(crate) token: &'a Secret<String>,
    pub(crate) role_arn: Option<&'a str>,
    pub(crate) session_name: &'a str,
    /// Always said: left out, it means an hour here and the life of the token there.
    pub(crate) seconds: u64,
    /// A policy that narrows what the role may.
    pub(crate) policy: Option<&'a str>,
}

impl Request<'_> {
    /// Everything stands in the body: some servers read nothing else, and addresses end up in logs.
    pub(super) fn to_http(self) -> Result<http::Request, http::Error> {
        let seconds = self.seconds.to_string();
        let fields = [
            ("Action", Some("AssumeRoleWithWebIdentity")),
            ("Version", Some("2011-06-15")),
            ("RoleArn", self.role_arn),
            ("RoleSessionName", Some(self.session_name)),
            ("DurationSeconds", Some(&*seconds)),
            ("Policy", self.policy),
            ("WebIdentityToken", Some(self.token.expose())),
        ];
        let mut body = String::with_capacity(self.token.expose().len() + 256);
        for (name, value) in fields {
            let Some(value) = value else { continue };
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            body.extend(utf8_percent_encode(value, RESERVED));
        }
        // MinIO has its service at the root, and nowhere but there.
        let url = match self.url.split_once("://") {
            Some((_, rest)) if !rest.contains('/') => format!("{}/", self.url),
            _ => self.url.to_owned(),
        };
        ::http::Request::post(&url)
            .header(
                ::http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .header(::http::header::ACCEPT, "application/xml, text/xml")
            .body(body.into_bytes())
            .map_err(|_| http::Error::Address {
                url,
                reason: "it is no address",
            })
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &self.url)
            .field("role_arn", &self.role_arn)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_body_and_blanks_are_no_plus() {
        let token = Secret::new("a.b-c_d".to_owned());
        let request = Request {
            url: "https://minio.example:9000",
            token: &token,
            role_arn: None,
            session_name: "alice@x",
            seconds: 3600,
            policy: Some("{\"a\": 1+1}"),
        };
        let request = request.to_http().unwrap();
        assert_eq!(request.uri(), "https://minio.example:9000/");
        assert_eq!(
            String::from_utf8_lossy(request.body()),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=alice%40x\
             &DurationSeconds=3600&Policy=%7B%22a%22%3A%201%2B1%7D&WebIdentityToken=a.b-c_d"
        );
        assert!(!request.headers().contains_key("authorization"));
    }
}
