//! Objects in parts.

use data_encoding::HEXLOWER;

use super::super::Reply;
use super::super::xml::{element, texts};
use super::object::{check_digest, kept_headers, writable};
use super::store::{Object, Store, Upload, md5};
use super::{Call, Refusal, document};
use crate::loopback::random;

pub(super) fn create(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:PutObject", &call.resource())?;
    let bucket = writable(store, &call.bucket)?;
    let id = random(24);
    let upload = Upload {
        key: call.key.clone(),
        headers: kept_headers(call),
        parts: Default::default(),
    };
    bucket.uploads.insert(id.clone(), upload);
    let content = [
        element("Bucket", &call.bucket),
        element("Key", &call.key),
        element("UploadId", &id),
    ];
    Ok(document("InitiateMultipartUploadResult", &content.concat()))
}

pub(super) fn part(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:PutObject", &call.resource())?;
    check_digest(call)?;
    let number = call.query("partNumber").and_then(|text| text.parse().ok());
    let number = number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        Refusal::new(400, "InvalidArgument", message)
    })?;
    let upload = upload(store, call)?;
    upload.parts.insert(number, call.body.clone());
    let etag = HEXLOWER.encode(&md5(&call.body));
    Ok(Reply::empty(200).header("etag", &format!("\"{etag}\"")))
}

pub(super) fn complete(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:PutObject", &call.resource())?;
    let asked = String::from_utf8_lossy(&call.body).into_owned();
    let numbers = texts(&asked, "PartNumber");
    let tags = texts(&asked, "ETag");
    let upload = upload(store, call)?;
    let (mut content, mut digests) = (Vec::new(), Vec::new());
    for (number, tag) in numbers.iter().zip(&tags) {
        let part = number.parse().ok().and_then(|n| upload.parts.get(&n));
        let part = part.filter(|part| HEXLOWER.encode(&md5(part)) == tag.trim_matches('"'));
        let part = part.ok_or_else(|| {
            let message = "One or more of the specified parts could not be found.";
            Refusal::new(400, "InvalidPart", message)
        })?;
        content.extend_from_slice(part);
        digests.extend(md5(part));
    }
    let headers = upload.headers.clone();
    let mut object = Object::new(content, headers, call.now);
    object.etag = format!("{}-{}", HEXLOWER.encode(&md5(&digests)), numbers.len());
    let etag = format!("\"{}\"", object.etag);
    let bucket = writable(store, &call.bucket)?;
    bucket
        .uploads
        .remove(call.query("uploadId").unwrap_or_default());
    bucket.objects.insert(call.key.clone(), object);
    let content = [
        element("Location", &format!("/{}", call.resource())),
        element("Bucket", &call.bucket),
        element("Key", &call.key),
        element("ETag", &etag),
    ];
    Ok(document("CompleteMultipartUploadResult", &content.concat()))
}

pub(super) fn abort(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    call.caller.needs("s3:PutObject", &call.resource())?;
    upload(store, call)?;
    let bucket = writable(store, &call.bucket)?;
    bucket
        .uploads
        .remove(call.query("uploadId").unwrap_or_default());
    Ok(Reply::empty(204))
}

/// The upload that is meant, of this very key.
fn upload<'a>(store: &'a mut Store, call: &Call<'_>) -> Result<&'a mut Upload, Refusal> {
    let id = call.query("uploadId").unwrap_or_default();
    let upload = writable(store, &call.bucket)?.uploads.get_mut(id);
    upload
        .filter(|upload| upload.key == call.key)
        .ok_or_else(Refusal::no_such_upload)
}
