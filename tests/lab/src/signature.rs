//! Signing a request as S3's clients do (AWS signature, version 4), for the lab's own hands.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ring::hmac::{self, HMAC_SHA256};
use sha2::{Digest as _, Sha256};
use url::Position;

use crate::https::Request;

/// The lab's stores take it; clients that are not told otherwise say this one.
const REGION: &str = "us-east-1";

/// A key to sign with.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name, which is no secret.
    pub id: String,
    /// The secret half.
    pub secret: String,
    /// What goes with a key that STS gave.
    pub session_token: Option<String>,
}

impl Key {
    /// A key that lasts.
    #[must_use]
    pub fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
            session_token: None,
        }
    }

    /// The key in an answer of STS.
    ///
    /// # Panics
    /// When it holds none.
    #[must_use]
    #[track_caller]
    pub fn of_answer(xml: &str) -> Self {
        let text = |element: &str| {
            let (_, rest) = xml.split_once(&format!("<{element}>"))?;
            Some(rest.split_once("</")?.0.to_owned())
        };
        let must = |element| text(element).expect("because STS answers with a key");
        Self {
            id: must("AccessKeyId"),
            secret: must("SecretAccessKey"),
            session_token: text("SessionToken"),
        }
    }

    /// The request with a signature for `service`. Its path holds nothing that needs escaping, and its
    /// query at most one parameter.
    pub(crate) fn sign(&self, service: &str, request: Request) -> Request {
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        self.sign_at(
            &now.strftime("%Y%m%dT%H%M%SZ").to_string(),
            service,
            request,
        )
    }

    fn sign_at(&self, moment: &str, service: &str, request: Request) -> Request {
        let url = request.url();
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let query = match url.query() {
            Some(query) if !query.contains('=') => format!("{query}="),
            query => query.unwrap_or_default().to_owned(),
        };
        let hash = HEXLOWER.encode(&Sha256::digest(request.content()));
        let mut headers = vec![
            ("host", host.to_owned()),
            ("x-amz-content-sha256", hash.clone()),
            ("x-amz-date", moment.to_owned()),
        ];
        if let Some(token) = &self.session_token {
            headers.push(("x-amz-security-token", token.clone()));
        }
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"));
        let lines: String = lines.collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let (method, path) = (request.method(), url.path());
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{hash}");

        let day = &moment[..8];
        let scope = format!("{day}/{REGION}/{service}/aws4_request");
        let digest = HEXLOWER.encode(&Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, REGION, service, "aws4_request", &text] {
            let secret = hmac::Key::new(HMAC_SHA256, &key);
            key = hmac::sign(&secret, part.as_bytes()).as_ref().to_vec();
        }
        let signature = HEXLOWER.encode(&key);
        let credential = format!("{}/{scope}", self.id);
        let mut signed = request.header(
            "Authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
            ),
        );
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "host") {
            signed = signed.header(name, value);
        }
        signed
    }
}
