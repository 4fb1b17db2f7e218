//! Signature Version 4, verified: in headers, in the address, and of bodies in chunks.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>. Checksums in trailers are
//! taken off, and not computed again.

use data_encoding::HEXLOWER;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ring::digest::{SHA256, digest};
use ring::hmac;

use super::Seen;
use crate::loopback::{encode, pairs};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The digest of nothing.
const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What a request says about who has signed it.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) access_key_id: String,
    pub(super) session_token: Option<String>,
    pub(super) region: String,
    /// When it was signed, in seconds since 1970.
    pub(super) signed_at: i64,
    /// How long it is good, where it stands in the address.
    pub(super) lasts_seconds: Option<i64>,
    date: String,
    time: String,
    headers: Vec<String>,
    signature: String,
    is_in_address: bool,
}

/// The signature, or the body, is not what it should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrong {
    /// Nobody has signed.
    Unsigned,
    /// It cannot be read.
    Malformed,
    /// A header that has to be signed is not.
    HeaderNotSigned,
    /// The secret key has not made it.
    NoMatch,
    /// The body is another one.
    Body,
}

impl Signature {
    /// What the request says.
    pub(super) fn of(seen: &Seen) -> Result<Self, Wrong> {
        let query = |name: &str| seen.query.get(name).cloned();
        let (credential, headers, signature, time, is_in_address) =
            match seen.header("authorization") {
                Some(text) => {
                    let text = text.strip_prefix(ALGORITHM).ok_or(Wrong::Malformed)?;
                    let field = |name: &str| {
                        let mut fields = text.split(',').map(str::trim);
                        fields.find_map(|field| Some(field.strip_prefix(name)?.to_owned()))
                    };
                    (
                        field("Credential="),
                        field("SignedHeaders="),
                        field("Signature="),
                        seen.header("x-amz-date").map(str::to_owned),
                        false,
                    )
                }
                None if seen.query.contains_key("X-Amz-Signature") => (
                    query("X-Amz-Credential"),
                    query("X-Amz-SignedHeaders"),
                    query("X-Amz-Signature"),
                    query("X-Amz-Date"),
                    true,
                ),
                None => return Err(Wrong::Unsigned),
            };
        let (Some(credential), Some(headers), Some(signature), Some(time)) =
            (credential, headers, signature, time)
        else {
            return Err(Wrong::Malformed);
        };
        let scope: Vec<&str> = credential.split('/').collect();
        let &[key, date, region, "s3", "aws4_request"] = scope.as_slice() else {
            return Err(Wrong::Malformed);
        };
        let signed_at = seconds(&time).ok_or(Wrong::Malformed)?;
        let token = match is_in_address {
            true => query("X-Amz-Security-Token"),
            false => seen.header("x-amz-security-token").map(str::to_owned),
        };
        Ok(Self {
            access_key_id: key.to_owned(),
            session_token: token,
            region: region.to_owned(),
            signed_at,
            lasts_seconds: match is_in_address {
                true => Some(
                    query("X-Amz-Expires")
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(0),
                ),
                false => None,
            },
            date: date.to_owned(),
            time,
            headers: headers.split(';').map(str::to_owned).collect(),
            signature,
            is_in_address,
        })
    }

    /// Whether this secret key has signed the request; its body, out of its chunks.
    pub(super) fn check(&self, seen: &Seen, secret: &str) -> Result<Vec<u8>, Wrong> {
        let must_be_signed = |name: &&String| *name == "host" || name.starts_with("x-amz-");
        if seen
            .headers
            .keys()
            .filter(must_be_signed)
            .any(|name| !self.headers.contains(name))
        {
            return Err(Wrong::HeaderNotSigned);
        }
        let payload = match self.is_in_address {
            true => "UNSIGNED-PAYLOAD",
            false => seen
                .header("x-amz-content-sha256")
                .ok_or(Wrong::Malformed)?,
        };
        let scope = format!("{}/{}/s3/aws4_request", self.date, self.region);
        let canonical =
            HEXLOWER.encode(digest(&SHA256, self.canonical(seen, payload).as_bytes()).as_ref());
        let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{canonical}", self.time);
        let key = self.key(secret);
        if hex_hmac(&key, &to_sign) != self.signature {
            return Err(Wrong::NoMatch);
        }
        match payload {
            "UNSIGNED-PAYLOAD" => Ok(seen.body.clone()),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => chunks(&seen.body, |_, _| true),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
                let mut previous = self.signature.clone();
                chunks(&seen.body, |chunk, signature| {
                    let hash = HEXLOWER.encode(digest(&SHA256, chunk).as_ref());
                    let to_sign = format!(
                        "{ALGORITHM}-PAYLOAD\n{}\n{scope}\n{previous}\n{NOTHING}\n{hash}",
                        self.time
                    );
                    previous = hex_hmac(&key, &to_sign);
                    previous == signature
                })
            }
            hash if hash == HEXLOWER.encode(digest(&SHA256, &seen.body).as_ref()) => {
                Ok(seen.body.clone())
            }
            _ => Err(Wrong::Body),
        }
    }

    fn canonical(&self, seen: &Seen, payload: &str) -> String {
        // A plus in an address is a plus.
        let decoded = |text: &str| crate::loopback::decode(&text.replace('+', "%2B"));
        let path: Vec<String> = seen
            .path
            .split('/')
            .map(|part| encode(&decoded(part)))
            .collect();
        let mut query: Vec<(String, String)> = pairs(&seen.query_text.replace('+', "%2B"))
            .into_iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| (encode(&name), encode(&value)))
            .collect();
        query.sort();
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let headers: String = self
            .headers
            .iter()
            .map(|name| {
                let value = seen.header(name).unwrap_or_default();
                let words: Vec<&str> = value.split_whitespace().collect();
                format!("{name}:{}\n", words.join(" "))
            })
            .collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{payload}",
            seen.method,
            path.join("/"),
            query.join("&"),
            self.headers.join(";"),
        )
    }

    fn key(&self, secret: &str) -> Vec<u8> {
        let parts = [&*self.date, &self.region, "s3", "aws4_request"];
        parts
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
                hmac::sign(&key, part.as_bytes()).as_ref().to_vec()
            })
    }
}

fn hex_hmac(key: &[u8], text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// `20261121T193000Z` in seconds since 1970.
fn seconds(time: &str) -> Option<i64> {
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The body out of its chunks, each of which has to pass with its signature.
fn chunks(body: &[u8], mut passes: impl FnMut(&[u8], &str) -> bool) -> Result<Vec<u8>, Wrong> {
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let end = rest
            .windows(2)
            .position(|window| window == b"\r\n")
            .ok_or(Wrong::Body)?;
        let line = String::from_utf8_lossy(&rest[..end]);
        let (size, signature) = line.split_once(";chunk-signature=").unwrap_or((&line, ""));
        let size = usize::from_str_radix(size, 16).map_err(|_| Wrong::Body)?;
        let chunk = rest.get(end + 2..end + 2 + size).ok_or(Wrong::Body)?;
        if !passes(chunk, signature) {
            return Err(Wrong::NoMatch);
        }
        if size == 0 {
            // What follows are trailers.
            return Ok(whole);
        }
        whole.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).ok_or(Wrong::Body)?;
    }
}
