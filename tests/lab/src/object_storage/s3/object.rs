//! Objects.

use data_encoding::BASE64;

use super::super::xml::{element, texts};
use super::super::{Endpoint, Reply};
use super::bucket::moment;
use super::store::{Bucket, Object, Store, md5};
use super::{Call, Refusal, document};
use crate::loopback::{decode, http_date};

pub(super) fn get(store: &Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:GetObject", &call.resource())?;
    let bucket = store.buckets.get(&call.bucket);
    let bucket = bucket.ok_or_else(Refusal::no_such_bucket)?;
    let object = bucket.objects.get(&call.key);
    let object = object.ok_or_else(Refusal::no_such_key)?;
    let whole = object.content.len();
    let (code, range) = match call.seen.header("range") {
        None => (200, 0..whole),
        Some(text) => (206, range(text, whole)?),
    };
    let mut reply = match call.seen.endpoint {
        Endpoint::HeadObject => {
            Reply::empty(code).header("content-length", &range.len().to_string())
        }
        _ => Reply::bytes(code, object.content[range.clone()].to_vec()),
    };
    if code == 206 {
        let last = range.end.saturating_sub(1);
        let text = format!("bytes {}-{last}/{whole}", range.start);
        reply = reply.header("content-range", &text);
    }
    for (name, value) in &object.headers {
        reply = reply.header(name, value);
    }
    Ok(reply
        .header("accept-ranges", "bytes")
        .header("etag", &format!("\"{}\"", object.etag))
        .header("last-modified", &http_date(object.modified)))
}

/// The bytes that are meant by `bytes=0-9`, `bytes=10-` or `bytes=-5`.
fn range(text: &str, whole: usize) -> Result<std::ops::Range<usize>, Refusal> {
    let parse = || {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| text.parse::<usize>().ok();
        let range = match (first, last) {
            ("", last) => whole.saturating_sub(number(last)?)..whole,
            (first, "") => number(first)?..whole,
            (first, last) => number(first)?..number(last)?.saturating_add(1).min(whole),
        };
        (range.start < range.end).then_some(range)
    };
    parse().ok_or_else(|| {
        let message = "The requested range is not satisfiable";
        Refusal::new(416, "InvalidRange", message)
    })
}

/// What is kept beside the content: its type, and what its owner notes.
pub(super) fn kept_headers(call: &Call<'_>) -> Vec<(String, String)> {
    const KEPT: [&str; 4] = [
        "cache-control",
        "content-disposition",
        "content-language",
        "content-type",
    ];
    call.seen
        .headers
        .iter()
        .filter(|(name, _)| KEPT.contains(&name.as_str()) || name.starts_with("x-amz-meta-"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Refuses a body that is not the one of `Content-MD5`.
pub(super) fn check_digest(call: &Call<'_>) -> Result<(), Refusal> {
    let given = call.seen.header("content-md5");
    match given {
        Some(given) if given != BASE64.encode(&md5(&call.body)) => {
            let message = "The Content-Md5 you specified did not match what we received.";
            Err(Refusal::new(400, "BadDigest", message))
        }
        _ => Ok(()),
    }
}

pub(super) fn put(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:PutObject", &call.resource())?;
    let bucket = writable(store, &call.bucket)?;
    check_digest(call)?;
    let object = Object::new(call.body.clone(), kept_headers(call), call.now);
    let etag = format!("\"{}\"", object.etag);
    bucket.objects.insert(call.key.clone(), object);
    Ok(Reply::empty(200).header("etag", &etag))
}

pub(super) fn copy(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    let source = call.seen.header("x-amz-copy-source").unwrap_or_default();
    let source = decode(&source.replace('+', "%2B"));
    let source = source.trim_start_matches('/');
    let (bucket, key) = source.split_once('/').unwrap_or((source, ""));
    call.caller.needs("s3:GetObject", source)?;
    call.caller.needs("s3:PutObject", &call.resource())?;
    let from = store.buckets.get(bucket);
    let from = from.ok_or_else(Refusal::no_such_bucket)?;
    let mut object = from
        .objects
        .get(key)
        .cloned()
        .ok_or_else(Refusal::no_such_key)?;
    object.modified = call.now;
    if call.seen.header("x-amz-metadata-directive") == Some("REPLACE") {
        object.headers = kept_headers(call);
    }
    let etag = format!("\"{}\"", object.etag);
    writable(store, &call.bucket)?
        .objects
        .insert(call.key.clone(), object);
    let content = element("LastModified", &moment(call.now)) + &element("ETag", &etag);
    Ok(document("CopyObjectResult", &content))
}

pub(super) fn delete(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:DeleteObject", &call.resource())?;
    writable(store, &call.bucket)?.objects.remove(&call.key);
    Ok(Reply::empty(204))
}

pub(super) fn delete_several(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    let bucket = writable(store, &call.bucket)?;
    let mut content = String::new();
    for key in texts(&String::from_utf8_lossy(&call.body), "Key") {
        let resource = format!("{}/{key}", call.bucket);
        let name = element("Key", &key);
        if call.caller.may("s3:DeleteObject", &resource, None) {
            bucket.objects.remove(&key);
            content.push_str(&format!("<Deleted>{name}</Deleted>"));
        } else {
            let code = element("Code", "AccessDenied");
            content.push_str(&format!("<Error>{name}{code}<Message></Message></Error>"));
        }
    }
    Ok(document("DeleteResult", &content))
}

pub(super) fn writable<'a>(store: &'a mut Store, bucket: &str) -> Result<&'a mut Bucket, Refusal> {
    let bucket = store.buckets.get_mut(bucket);
    bucket.ok_or_else(Refusal::no_such_bucket)
}
