//! What can be asked of the store.

use crate::loopback::Seen;

/// What a request is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Endpoint {
    /// AssumeRoleWithWebIdentity.
    AssumeRole,
    /// Another action of STS, or none.
    OtherAction,
    /// The platform's public configuration.
    Configuration,
    /// The names of buckets.
    ListBuckets,
    /// Whether there is a bucket.
    HeadBucket,
    /// A new bucket.
    CreateBucket,
    /// The end of a bucket.
    DeleteBucket,
    /// Where a bucket is.
    BucketLocation,
    /// The keys in a bucket, by either version of the call.
    ListObjects,
    /// The end of several objects.
    DeleteObjects,
    /// An object's content, or part of it.
    GetObject,
    /// Whether there is an object.
    HeadObject,
    /// A new object.
    PutObject,
    /// An object that is a copy of another one.
    CopyObject,
    /// The end of an object.
    DeleteObject,
    /// The beginning of an object in parts.
    CreateUpload,
    /// One of those parts.
    UploadPart,
    /// All of them, put together.
    CompleteUpload,
    /// None of them.
    AbortUpload,
    /// Nothing that belongs here.
    Unknown,
}

/// Where the platform tells its configuration.
pub(super) const CONFIGURATION: &str = "/api/public/configuration";

impl Endpoint {
    pub(super) fn of(seen: &Seen<()>) -> Self {
        let has = |name: &str| seen.query.contains_key(name);
        if seen.path == CONFIGURATION {
            return Self::Configuration;
        }
        let (bucket, key) = split(&seen.path);
        match (seen.method.as_str(), bucket, key) {
            ("POST", "", "") => match seen.parameter("Action") {
                Some("AssumeRoleWithWebIdentity") => Self::AssumeRole,
                _ => Self::OtherAction,
            },
            ("GET", "", "") if has("Action") => Self::OtherAction,
            ("GET", "", "") => Self::ListBuckets,
            ("HEAD", _, "") => Self::HeadBucket,
            ("GET", _, "") if has("location") => Self::BucketLocation,
            ("GET", _, "") if !has_subresource(seen) => Self::ListObjects,
            ("PUT", _, "") if !has_subresource(seen) => Self::CreateBucket,
            ("DELETE", _, "") if !has_subresource(seen) => Self::DeleteBucket,
            ("POST", _, "") if has("delete") => Self::DeleteObjects,
            (_, _, "") => Self::Unknown,
            ("GET", ..) if !has_subresource(seen) => Self::GetObject,
            ("HEAD", ..) => Self::HeadObject,
            ("PUT", ..) if has("partNumber") => Self::UploadPart,
            ("PUT", ..) if seen.header("x-amz-copy-source").is_some() => Self::CopyObject,
            ("PUT", ..) if !has_subresource(seen) => Self::PutObject,
            ("DELETE", ..) if has("uploadId") => Self::AbortUpload,
            ("DELETE", ..) => Self::DeleteObject,
            ("POST", ..) if has("uploads") => Self::CreateUpload,
            ("POST", ..) if has("uploadId") => Self::CompleteUpload,
            _ => Self::Unknown,
        }
    }
}

/// Whether the request is about something that this store does not have: ACLs, tags, versions.
fn has_subresource(seen: &Seen<()>) -> bool {
    const KNOWN_NOT: [&str; 12] = [
        "acl",
        "cors",
        "encryption",
        "lifecycle",
        "object-lock",
        "ownershipControls",
        "policy",
        "retention",
        "tagging",
        "uploads",
        "versioning",
        "versions",
    ];
    KNOWN_NOT.iter().any(|name| seen.query.contains_key(*name))
}

/// Bucket and key of a path, as they came.
pub(super) fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}
