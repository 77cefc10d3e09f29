//! The keyspaces and how fjall is to treat each.
//!
//! Owns: every tuning knob of fjall. Must not know what the contents mean.

use crate::error::StoreError;
use crate::limits;
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, Snapshot};
use std::path::Path;

/// An open database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    /// All of it.
    pub database: Database,
    /// See [`crate::meta`].
    pub meta: Keyspace,
    /// Facts by start and ARN.
    pub summaries: Keyspace,
    /// Facts by machine, start and ARN.
    pub by_machine: Keyspace,
    /// Facts by status, start and ARN, but for those that succeeded.
    pub by_status: Keyspace,
    /// Nothing, by attribute with value, start and ARN: the facts are in `summaries`.
    pub by_attribute: Keyspace,
    /// Places by ARN hash.
    pub by_arn: Keyspace,
    /// Names without execution, by ARN hash.
    pub names: Keyspace,
    /// Histories.
    pub chunks: Keyspace,
    /// Start and ARN (as [`crate::keys::listed`]) of executions that closed past the mark, by closing offset.
    pub closings: Keyspace,
}

impl Db {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// Those of fjall.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder(path)
            .cache_size(limits::CACHE_BYTES)
            .max_journaling_size(limits::JOURNAL_BYTES)
            // What is large is compressed already.
            .journal_compression(CompressionType::None)
            .worker_threads(limits::WORKER_THREADS)
            .open()?;
        let listed =
            || index().data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4));
        Ok(Self {
            meta: database.keyspace("meta", index)?,
            // Found by range or by a time that few files contain: a filter would only cost.
            summaries: database.keyspace("summaries", || {
                listed().filter_policy(FilterPolicy::disabled())
            })?,
            by_machine: database.keyspace("by_machine", || {
                listed().filter_policy(FilterPolicy::disabled())
            })?,
            by_status: database.keyspace("by_status", listed)?,
            by_attribute: database.keyspace("by_attribute", || {
                listed().filter_policy(FilterPolicy::disabled())
            })?,
            by_arn: database.keyspace("by_arn", index)?,
            names: database.keyspace("names", index)?,
            chunks: database.keyspace("chunks", histories)?,
            // Few and short-lived, found by range.
            closings: database.keyspace("closings", || {
                index().filter_policy(FilterPolicy::disabled())
            })?,
            database,
        })
    }

    /// Everything as of now.
    pub fn snapshot(&self) -> Snapshot {
        self.database.snapshot()
    }
}

fn index() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(limits::INDEX_MEMTABLE_BYTES)
        .data_block_compression_policy(CompressionPolicy::disabled())
}

fn histories() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(limits::HISTORY_MEMTABLE_BYTES)
        .data_block_size_policy(BlockSizePolicy::all(16 * 1024))
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_policy(FilterPolicy::disabled())
}
