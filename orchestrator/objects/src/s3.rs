//! Object stores that speak S3: AWS, MinIO, Ceph and others.
//!
//! Owns: the client of each bucket, its credentials (environment, web identity, instance or container role) and its
//! endpoint.

use crate::limits::{RETRIES_MAX, RETRY_SECONDS_MAX};
use crate::storage::{Entry, Storage, StorageError};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Where the object store is.
#[derive(Clone, Debug, Default)]
pub struct S3Config {
    /// URL of an S3-compatible store; AWS's own if absent.
    pub endpoint: Option<String>,
    /// Region, if the environment doesn't say.
    pub region: Option<String>,
}

/// See the module.
pub struct S3 {
    config: S3Config,
    runtime: Runtime,
    buckets: Mutex<BTreeMap<String, Arc<AmazonS3>>>,
}

impl S3 {
    /// A client; credentials are looked for when the first bucket is used.
    ///
    /// # Errors
    /// The operating system gives no threads.
    pub fn new(config: S3Config) -> std::io::Result<Self> {
        // Somebody else's choice is as good: it only matters that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("objects")
            .enable_all()
            .build()?;
        Ok(Self {
            config,
            runtime,
            buckets: Mutex::default(),
        })
    }

    fn bucket(&self, name: &str) -> Result<Arc<AmazonS3>, StorageError> {
        let mut buckets = self.buckets.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(bucket) = buckets.get(name) {
            return Ok(bucket.clone());
        }
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(name)
            .with_retry(RetryConfig {
                max_retries: RETRIES_MAX,
                retry_timeout: Duration::from_secs(RETRY_SECONDS_MAX),
                ..RetryConfig::default()
            });
        if let Some(region) = &self.config.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &self.config.endpoint {
            builder = builder
                .with_endpoint(endpoint)
                .with_virtual_hosted_style_request(false)
                .with_allow_http(endpoint.starts_with("http://"));
        }
        let bucket = Arc::new(builder.build().map_err(|e| other(&e))?);
        buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }
}

fn other(e: &Error) -> StorageError {
    StorageError::Other(e.to_string())
}

impl Storage for S3 {
    fn get(
        &self,
        bucket: &str,
        key: &str,
        offset: u64,
        length: u64,
    ) -> Result<(Vec<u8>, u64), StorageError> {
        let store = self.bucket(bucket)?;
        let path = Path::parse(key).map_err(|e| StorageError::Other(e.to_string()))?;
        let get = async {
            let size = store.head(&path).await?.size;
            if offset >= size {
                return Ok((Vec::new(), size));
            }
            let options = GetOptions {
                range: Some(GetRange::Bounded(
                    offset..offset.saturating_add(length).min(size),
                )),
                ..GetOptions::default()
            };
            let bytes = store.get_opts(&path, options).await?.bytes().await?;
            Ok((bytes.to_vec(), size))
        };
        self.runtime.block_on(get).map_err(|e| match e {
            Error::NotFound { .. } => StorageError::NoSuchKey {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            },
            e => other(&e),
        })
    }

    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        let store = self.bucket(bucket)?;
        // The client's prefixes are whole folders; what remains of it is looked at here.
        let folder = prefix
            .rsplit_once('/')
            .map(|(folder, _)| Path::from(folder));
        let listed = match after {
            Some(after) => store.list_with_offset(folder.as_ref(), &Path::from(after)),
            None => store.list(folder.as_ref()),
        };
        let wanted = listed
            .try_filter(|meta| std::future::ready(meta.location.as_ref().starts_with(prefix)));
        let found = wanted.take(max).try_collect::<Vec<_>>();
        let found = self.runtime.block_on(found).map_err(|e| match e {
            Error::NotFound { .. } => StorageError::NoSuchBucket(bucket.to_owned()),
            e => other(&e),
        })?;
        let entry = |meta: object_store::ObjectMeta| Entry {
            key: meta.location.to_string(),
            size: meta.size,
            etag: meta.e_tag,
            modified_s: meta.last_modified.timestamp(),
        };
        Ok(found.into_iter().map(entry).collect())
    }

    fn put(&self, bucket: &str, key: &str, body: &[u8]) -> Result<(), StorageError> {
        let store = self.bucket(bucket)?;
        let path = Path::parse(key).map_err(|e| StorageError::Other(e.to_string()))?;
        let put = store.put(&path, body.to_vec().into());
        self.runtime.block_on(put).map(drop).map_err(|e| other(&e))
    }
}
