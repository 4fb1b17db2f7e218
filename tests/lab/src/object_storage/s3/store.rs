//! Buckets and objects, in memory.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

use crate::loopback::now;

/// All buckets.
#[derive(Debug, Default)]
pub(in crate::object_storage) struct Store {
    pub(super) buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) made: i64,
    pub(super) objects: BTreeMap<String, Object>,
    /// Objects in parts that are not put together yet, by the id of the upload.
    pub(super) uploads: BTreeMap<String, Upload>,
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) content: Vec<u8>,
    pub(super) etag: String,
    pub(super) modified: i64,
    /// What is answered with it: its type, and what its owner noted.
    pub(super) headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) parts: BTreeMap<u32, Vec<u8>>,
}

impl Object {
    pub(super) fn new(content: Vec<u8>, headers: Vec<(String, String)>, modified: i64) -> Self {
        let etag = HEXLOWER.encode(&Md5::digest(&content));
        Self {
            content,
            etag,
            modified,
            headers,
        }
    }
}

/// The digest that S3 calls an object's tag.
pub(super) fn md5(content: &[u8]) -> Vec<u8> {
    Md5::digest(content).to_vec()
}

impl Store {
    /// Makes a bucket unless it is there.
    pub(in crate::object_storage) fn make_bucket(&mut self, bucket: &str) {
        self.buckets
            .entry(bucket.to_owned())
            .or_insert_with(|| Bucket {
                made: now(0),
                objects: BTreeMap::new(),
                uploads: BTreeMap::new(),
            });
    }

    /// Puts an object into a bucket, which is made where it is missing.
    pub(in crate::object_storage) fn put(&mut self, bucket: &str, key: &str, content: &[u8]) {
        self.make_bucket(bucket);
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            let object = Object::new(content.to_vec(), Vec::new(), now(0));
            bucket.objects.insert(key.to_owned(), object);
        }
    }

    /// An object's content.
    pub(in crate::object_storage) fn content(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let object = self.buckets.get(bucket)?.objects.get(key)?;
        Some(object.content.clone())
    }
}
