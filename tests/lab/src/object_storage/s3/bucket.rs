//! Buckets, and the keys in them.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::Reply;
use super::super::xml::{element, escape};
use super::store::{Bucket, Store};
use super::{Call, Refusal, document, owner};
use crate::loopback::encode;

/// A list has no more entries.
const LONGEST_LIST: usize = 1000;

/// Names of buckets have so many characters.
const NAME: std::ops::RangeInclusive<usize> = 3..=63;

pub(super) fn list(store: &Store, call: &Call<'_>) -> Reply {
    let mine = store
        .buckets
        .iter()
        .filter(|(name, _)| call.caller.may("s3:ListBucket", name, Some("")))
        .map(|(name, bucket)| {
            let made = element("CreationDate", &moment(bucket.made));
            format!("<Bucket>{}{made}</Bucket>", element("Name", name))
        });
    let buckets: String = mine.collect();
    let content = format!("{}<Buckets>{buckets}</Buckets>", owner());
    document("ListAllMyBucketsResult", &content)
}

pub(super) fn head(store: &Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    allowed(store, call, "s3:ListBucket")?;
    Ok(Reply::empty(200).header("x-amz-bucket-region", "us-east-1"))
}

pub(super) fn location(store: &Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    allowed(store, call, "s3:GetBucketLocation")?;
    Ok(document("LocationConstraint", ""))
}

pub(super) fn create(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = &call.bucket;
    call.caller.needs("s3:CreateBucket", name)?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if !NAME.contains(&name.len()) || !name.chars().all(is_plain) {
        let message = "The specified bucket is not valid.";
        return Err(Refusal::new(400, "InvalidBucketName", message));
    }
    if store.buckets.contains_key(name) {
        let message =
            "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(Refusal::new(409, "BucketAlreadyOwnedByYou", message));
    }
    store.make_bucket(name);
    Ok(Reply::empty(200).header("location", &format!("/{name}")))
}

pub(super) fn delete(store: &mut Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    let bucket = allowed(store, call, "s3:DeleteBucket")?;
    if !bucket.objects.is_empty() {
        let message = "The bucket you tried to delete is not empty";
        return Err(Refusal::new(409, "BucketNotEmpty", message));
    }
    store.buckets.remove(&call.bucket);
    Ok(Reply::empty(204))
}

pub(super) fn objects(store: &Store, call: &Call<'_>) -> Result<Reply, Refusal> {
    let prefix = call.query("prefix").unwrap_or_default();
    if !call.caller.may("s3:ListBucket", &call.bucket, Some(prefix)) {
        return Err(Refusal::denied());
    }
    let bucket = store.buckets.get(&call.bucket);
    let bucket = bucket.ok_or_else(Refusal::no_such_bucket)?;
    let is_second = call.query("list-type") == Some("2");
    let delimiter = call.query("delimiter").unwrap_or_default();
    let most = call.query("max-keys").and_then(|text| text.parse().ok());
    let most = most.unwrap_or(LONGEST_LIST).min(LONGEST_LIST);
    let after = match is_second {
        true => call
            .query("continuation-token")
            .or_else(|| call.query("start-after")),
        false => call.query("marker"),
    };
    let after = after.unwrap_or_default();
    let name = |text: &str| match call.query("encoding-type") {
        Some("url") => encode(text).replace("%2F", "/"),
        _ => escape(text),
    };
    let mut page = Page::default();
    for (key, object) in &bucket.objects {
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        let common = match delimiter {
            "" => None,
            delimiter => rest
                .split_once(delimiter)
                .map(|(folder, _)| format!("{prefix}{folder}{delimiter}")),
        };
        let entry = common.as_ref().unwrap_or(key);
        if entry.as_str() <= after
            || common
                .as_ref()
                .is_some_and(|one| page.folders.contains(one))
        {
            continue;
        }
        if page.count == most {
            page.is_cut = true;
            break;
        }
        page.count += 1;
        page.last.clone_from(entry);
        match common {
            Some(folder) => {
                page.folders.insert(folder);
            }
            None => page.contents.push_str(&format!(
                "<Contents><Key>{}</Key>{}<ETag>&#34;{}&#34;</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass>{}</Contents>",
                name(key),
                element("LastModified", &moment(object.modified)),
                object.etag,
                object.content.len(),
                owner(),
            )),
        }
    }
    let mut content = format!(
        "{}<Prefix>{}</Prefix><Delimiter>{}</Delimiter><MaxKeys>{most}</MaxKeys><IsTruncated>{}</IsTruncated>",
        element("Name", &call.bucket),
        name(prefix),
        name(delimiter),
        page.is_cut,
    );
    if let Some(kind) = call.query("encoding-type") {
        content.push_str(&element("EncodingType", kind));
    }
    if is_second {
        content.push_str(&element("KeyCount", &page.count.to_string()));
    }
    if page.is_cut {
        let tag = match is_second {
            true => "NextContinuationToken",
            false => "NextMarker",
        };
        content.push_str(&format!("<{tag}>{}</{tag}>", name(&page.last)));
    }
    content.push_str(&page.contents);
    for folder in &page.folders {
        let folder = name(folder);
        content.push_str(&format!(
            "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
        ));
    }
    Ok(document("ListBucketResult", &content))
}

/// What one answer holds.
#[derive(Default)]
struct Page {
    contents: String,
    folders: BTreeSet<String>,
    count: usize,
    last: String,
    is_cut: bool,
}

fn allowed<'a>(store: &'a Store, call: &Call<'_>, action: &str) -> Result<&'a Bucket, Refusal> {
    call.caller.needs(action, &call.bucket)?;
    let bucket = store.buckets.get(&call.bucket);
    bucket.ok_or_else(Refusal::no_such_bucket)
}

/// A time as lists write it.
pub(super) fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string())
        .unwrap_or_default()
}
