//! Where bytes are.
//!
//! Owns: the port that object stores, files and tests implement, and the choice between them.

use crate::request::{Reader, Source, Write};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Something that holds objects by bucket and key.
pub trait Storage: Send + Sync {
    /// Up to `length` bytes of an object from `offset` on, and its whole size; no bytes at or past its end.
    ///
    /// # Errors
    /// It isn't there or can't be read.
    fn get(
        &self,
        bucket: &str,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<(Vec<u8>, u64), StorageError>;

    /// Up to `max` objects whose key begins with `prefix`, in the order of their keys, after the key `after`.
    ///
    /// # Errors
    /// The bucket isn't there or can't be read.
    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError>;

    /// Writes an object, in the place of what was there.
    ///
    /// # Errors
    /// It can't be written.
    fn put(&self, bucket: &str, key: &str, body: &[u8]) -> Result<(), StorageError>;
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its size, bytes.
    pub size: u64,
    /// Its `ETag`, with quotes.
    pub etag: Option<String>,
    /// When it was written, seconds since the epoch.
    pub modified_s: i64,
}

/// Why bytes can't be had.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No such object.
    #[error("The specified key does not exist: '{key}' in bucket '{bucket}'")]
    NoSuchKey {
        /// Bucket.
        bucket: String,
        /// Key.
        key: String,
    },
    /// No such bucket.
    #[error("The specified bucket does not exist: '{0}'")]
    NoSuchBucket(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// The storages of a node.
#[derive(Clone)]
pub struct Stores {
    /// Object stores; `None`: none is configured.
    pub objects: Option<Arc<dyn Storage>>,
    /// Files of the node; `None`: not allowed.
    pub files: Option<Arc<dyn Storage>>,
}

impl Stores {
    /// Storage, bucket and key of what a reader reads.
    pub(crate) fn place(
        &self,
        reader: &Reader,
    ) -> Result<(Arc<dyn Storage>, String, String), String> {
        let argument = |name: &str| {
            let found = reader.arguments[name].as_str();
            found.map(str::to_owned).ok_or_else(|| {
                format!("the item reader needs the text '{name}' among its parameters")
            })
        };
        match reader.from {
            Source::File => Ok((self.files()?, String::new(), argument("Path")?)),
            Source::Object | Source::List | Source::Topic => {
                Ok((self.objects()?, argument("Bucket")?, argument("Key")?))
            }
        }
    }

    /// The object store.
    pub(crate) fn objects(&self) -> Result<Arc<dyn Storage>, String> {
        let why = "this node has no object store: build baton with --features s3";
        self.objects.clone().ok_or_else(|| why.to_owned())
    }

    fn files(&self) -> Result<Arc<dyn Storage>, String> {
        let why = "items can't be read from files of this node, nor results written: set map_files to a folder";
        self.files.clone().ok_or_else(|| why.to_owned())
    }

    /// Where a file of results goes.
    pub(crate) fn of_writer(&self, write: &Write) -> Result<Arc<dyn Storage>, String> {
        if write.write == "file" {
            return self.files();
        }
        if write.arguments["Bucket"].as_str().is_none() {
            return Err(
                "the result writer needs the text 'Bucket' among its parameters".to_owned(),
            );
        }
        self.objects()
    }
}

/// Objects in memory, for tests.
#[derive(Debug, Default)]
pub struct Memory {
    buckets: Mutex<BTreeMap<String, BTreeMap<String, Vec<u8>>>>,
}

impl Memory {
    /// Makes a bucket.
    ///
    /// # Panics
    /// If another thread panicked while it held the lock.
    pub fn make_bucket(&self, bucket: &str) {
        let mut buckets = self.buckets.lock().expect("nobody panics with it");
        buckets.entry(bucket.to_owned()).or_default();
    }
}

impl Storage for Memory {
    fn get(
        &self,
        bucket: &str,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<(Vec<u8>, u64), StorageError> {
        let buckets = self.buckets.lock().expect("nobody panics with it");
        let objects = buckets
            .get(bucket)
            .ok_or_else(|| StorageError::NoSuchBucket(bucket.to_owned()))?;
        let object = objects.get(key).ok_or_else(|| StorageError::NoSuchKey {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })?;
        let size = object.len() as u64;
        let (from, to) = (offset.min(size), offset.saturating_add(length).min(size));
        Ok((object[from as usize..to as usize].to_vec(), size))
    }

    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        let buckets = self.buckets.lock().expect("nobody panics with it");
        let objects = buckets
            .get(bucket)
            .ok_or_else(|| StorageError::NoSuchBucket(bucket.to_owned()))?;
        let wanted = objects.iter().filter(|(key, _)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after)
        });
        let entry = |(key, body): (&String, &Vec<u8>)| Entry {
            key: key.clone(),
            size: body.len() as u64,
            etag: Some(format!("\"{:x}\"", body.len())),
            modified_s: 0,
        };
        Ok(wanted.take(max).map(entry).collect())
    }

    fn put(&self, bucket: &str, key: &str, body: &[u8]) -> Result<(), StorageError> {
        let mut buckets = self.buckets.lock().expect("nobody panics with it");
        let objects = buckets
            .get_mut(bucket)
            .ok_or_else(|| StorageError::NoSuchBucket(bucket.to_owned()))?;
        objects.insert(key.to_owned(), body.to_vec());
        Ok(())
    }
}
