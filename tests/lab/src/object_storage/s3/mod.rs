//! S3: who asks, whether they may, and what is answered.

mod bucket;
mod object;
mod store;
mod upload;

use serde_json::{Map, Value, json};

use super::charset::draw;
use super::endpoint::split;
use super::policy::Question;
use super::settings::Dialect;
use super::signature::{Signature, Wrong};
use super::state::State;
use super::xml::{element, escape};
use super::{Endpoint, Reply, Seen};
use crate::loopback::decode;

pub(super) use store::Store;

/// A clock may be wrong by so much.
const MOST_SKEW_SECONDS: i64 = 15 * 60;

/// An error in S3's words.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    fn denied() -> Self {
        Self::new(403, "AccessDenied", "Access Denied.")
    }

    fn no_such_bucket() -> Self {
        Self::new(404, "NoSuchBucket", "The specified bucket does not exist")
    }

    fn no_such_key() -> Self {
        Self::new(404, "NoSuchKey", "The specified key does not exist.")
    }

    fn no_such_upload() -> Self {
        let message = "The specified multipart upload does not exist.";
        Self::new(404, "NoSuchUpload", message)
    }
}

/// Who asks.
struct Caller {
    claims: Map<String, Value>,
    user: String,
    policies: Vec<Value>,
    session_policy: Option<Value>,
}

impl Caller {
    fn may(&self, action: &str, resource: &str, prefix: Option<&str>) -> bool {
        Question {
            action,
            resource,
            prefix,
            claims: &self.claims,
            user: &self.user,
        }
        .is_allowed(&self.policies, self.session_policy.as_ref())
    }

    fn needs(&self, action: &str, resource: &str) -> Result<(), Refusal> {
        match self.may(action, resource, None) {
            true => Ok(()),
            false => Err(Refusal::denied()),
        }
    }
}

/// A request whose signature is right.
struct Call<'a> {
    seen: &'a Seen,
    caller: Caller,
    bucket: String,
    key: String,
    body: Vec<u8>,
    now: i64,
}

impl Call<'_> {
    /// `bucket/key`.
    fn resource(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.seen.query.get(name).map(String::as_str)
    }
}

/// Answers a request to S3.
pub(super) fn answer(state: &mut State, seen: &Seen) -> Reply {
    let dialect = state.settings.dialect;
    let done = authenticated(state, seen).and_then(|call| carry_out(&mut state.store, &call));
    let reply = done.unwrap_or_else(|refusal| {
        let Refusal {
            status,
            code,
            message,
        } = refusal;
        error(dialect, status, code, &message, &seen.path)
    });
    signed_by_server(dialect, reply)
}

/// With the headers by which servers of a dialect are known.
pub(super) fn signed_by_server(dialect: Dialect, reply: Reply) -> Reply {
    let id = draw("0123456789ABCDEF", 16);
    match dialect {
        Dialect::Minio => reply
            .header("server", "MinIO")
            .header("x-amz-request-id", &id),
        Dialect::Ceph => {
            let id = draw("0123456789abcdef", 17);
            reply.header("x-amz-request-id", &format!("tx00000{id}-lab-default"))
        }
        // It says which of its requests it was, and not who it is.
        Dialect::Aws => reply.header("x-amz-request-id", &id),
        Dialect::Rustfs => reply
            .header("server", "RustFS")
            .header("x-amz-request-id", &id),
        Dialect::Seaweedfs => reply
            .header("server", "SeaweedFS S3")
            .header("x-amz-request-id", &id),
    }
}

/// The error document; Ceph's has no words.
pub(super) fn error(
    dialect: Dialect,
    status: u16,
    code: &str,
    message: &str,
    resource: &str,
) -> Reply {
    let id = draw("0123456789abcdef", 24);
    let rest = match dialect {
        Dialect::Ceph => format!(
            "<Message></Message><RequestId>tx00000{id}-lab</RequestId><HostId>4d20-lab-default</HostId>"
        ),
        _ => format!(
            "<Message>{}</Message>{}{}<HostId>lab</HostId>",
            escape(message),
            element("Resource", resource),
            element("RequestId", &id.to_uppercase()[..16]),
        ),
    };
    let document = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code>{rest}</Error>"#
    );
    Reply::xml(status, &document)
}

fn authenticated<'a>(state: &State, seen: &'a Seen) -> Result<Call<'a>, Refusal> {
    let (settings, now) = (&state.settings, state.now());
    let signature = Signature::of(seen).map_err(refused)?;
    if settings
        .region
        .as_ref()
        .is_some_and(|region| *region != signature.region)
    {
        let wanted = settings.region.as_deref().unwrap_or_default();
        let message = format!(
            "The authorization header is malformed; the region is wrong; expecting '{wanted}'."
        );
        return Err(Refusal::new(400, "AuthorizationHeaderMalformed", message));
    }
    let (caller, secret) = caller(state, &signature)?;
    let age = now - signature.signed_at;
    match signature.lasts_seconds {
        Some(lasts) if age > lasts || age < -MOST_SKEW_SECONDS => {
            return Err(Refusal::new(403, "AccessDenied", "Request has expired"));
        }
        None if age.abs() > MOST_SKEW_SECONDS => {
            let message =
                "The difference between the request time and the server's time is too large.";
            return Err(Refusal::new(403, "RequestTimeTooSkewed", message));
        }
        _ => {}
    }
    let body = signature.check(seen, &secret).map_err(refused)?;
    let (bucket, key) = split(&seen.path);
    // A plus in a path is a plus.
    let decoded = |text: &str| decode(&text.replace('+', "%2B"));
    Ok(Call {
        seen,
        caller,
        bucket: decoded(bucket),
        key: decoded(key),
        body,
        now,
    })
}

/// Whose keys these are, and their secret.
fn caller(state: &State, signature: &Signature) -> Result<(Caller, String), Refusal> {
    let settings = &state.settings;
    if let Some(key) = settings.access_keys.get(&signature.access_key_id) {
        let caller = Caller {
            claims: Map::new(),
            user: key.user.clone(),
            policies: vec![key.policy.clone()],
            session_policy: None,
        };
        return Ok((caller, key.secret.clone()));
    }
    let unknown = match settings.dialect {
        Dialect::Ceph => Refusal::denied(),
        _ => {
            let message = "The Access Key Id you provided does not exist in our records.";
            Refusal::new(403, "InvalidAccessKeyId", message)
        }
    };
    let mut all = state.issued.iter();
    let Some(issued) = all.find(|issued| issued.access_key_id == signature.access_key_id) else {
        return Err(unknown);
    };
    if signature.session_token.as_ref() != Some(&issued.session_token) {
        let message = "The security token included in the request is invalid";
        return Err(match (settings.dialect, &signature.session_token) {
            (Dialect::Ceph, _) => Refusal::denied(),
            // Without its token a temporary key is no key.
            (Dialect::Aws, None) => unknown,
            (Dialect::Aws, Some(_)) => Refusal::new(400, "InvalidToken", message),
            _ => Refusal::new(403, "InvalidTokenId", message),
        });
    }
    if state.now() >= issued.expires {
        return Err(match settings.dialect {
            Dialect::Ceph => Refusal::denied(),
            // It forgets what has ended.
            Dialect::Minio => unknown,
            _ => Refusal::new(400, "ExpiredToken", "The provided token has expired."),
        });
    }
    let name = issued.claims.get("preferred_username");
    let caller = Caller {
        user: name.and_then(Value::as_str).unwrap_or_default().to_owned(),
        claims: issued.claims.clone(),
        policies: issued.policies.clone(),
        session_policy: issued.session_policy.clone(),
    };
    Ok((caller, issued.secret_access_key.clone()))
}

fn refused(wrong: Wrong) -> Refusal {
    match wrong {
        Wrong::Unsigned => Refusal::denied(),
        Wrong::Malformed => {
            let message = "The authorization that you provided is not valid.";
            Refusal::new(400, "AuthorizationHeaderMalformed", message)
        }
        Wrong::HeaderNotSigned => {
            let message = "There were headers present in the request which were not signed";
            Refusal::new(403, "AccessDenied", message)
        }
        Wrong::NoMatch => {
            let message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
            Refusal::new(403, "SignatureDoesNotMatch", message)
        }
        Wrong::Body => {
            let message =
                "The provided 'x-amz-content-sha256' header does not match what was computed.";
            Refusal::new(400, "XAmzContentSHA256Mismatch", message)
        }
    }
}

fn carry_out(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    match call.seen.endpoint {
        Endpoint::ListBuckets => Ok(bucket::list(store, call)),
        Endpoint::HeadBucket => bucket::head(store, call),
        Endpoint::CreateBucket => bucket::create(store, call),
        Endpoint::DeleteBucket => bucket::delete(store, call),
        Endpoint::BucketLocation => bucket::location(store, call),
        Endpoint::ListObjects => bucket::objects(store, call),
        Endpoint::DeleteObjects => object::delete_several(store, call),
        Endpoint::GetObject | Endpoint::HeadObject => object::get(store, call),
        Endpoint::PutObject => object::put(store, call),
        Endpoint::CopyObject => object::copy(store, call),
        Endpoint::DeleteObject => object::delete(store, call),
        Endpoint::CreateUpload => upload::create(store, call),
        Endpoint::UploadPart => upload::part(store, call),
        Endpoint::CompleteUpload => upload::complete(store, call),
        Endpoint::AbortUpload => upload::abort(store, call),
        _ => {
            let message = "A header you provided implies functionality that is not implemented";
            Err(Refusal::new(501, "NotImplemented", message))
        }
    }
}

/// An answer in S3's namespace.
fn document(name: &str, content: &str) -> Reply {
    let namespace = "http://s3.amazonaws.com/doc/2006-03-01/";
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name} xmlns=\"{namespace}\">{content}</{name}>"
    );
    Reply::xml(200, &document)
}

/// Who owns everything here.
fn owner() -> String {
    let owner = json!({"ID": "lab", "DisplayName": "lab"});
    let fields = owner.as_object().into_iter().flatten();
    let fields: String = fields
        .map(|(name, value)| element(name, value.as_str().unwrap_or_default()))
        .collect();
    format!("<Owner>{fields}</Owner>")
}
