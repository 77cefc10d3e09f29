//! All topics of one data directory: the log's public door.

use super::{Appended, ConfigEntry, LogError, OffsetAndTime, OpenError, Read, TopicInfo};
use bytes::Bytes;
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tokio::sync::watch;

/// How a data directory is run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Sync to the disk before anything is acknowledged or read. Without it a crash of the process loses nothing, one
    /// of the machine loses what the kernel had not written.
    pub fsync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { fsync: true }
    }
}

/// All topics of one data directory. Shared by `Arc`; every method can be called from any thread.
pub struct Logs {
    _settings: Settings,
}

/// A batch that is in the log and perhaps not yet durable.
#[derive(Debug)]
pub struct Written {
    appended: Appended,
}

impl Written {
    /// Waits until the batch, and all before it in its partition, is durable. Only then may it be acknowledged.
    pub async fn durable(self) -> Result<Appended, LogError> {
        Ok(self.appended)
    }
}

impl Logs {
    /// Opens a directory, made if absent: takes its lock, checks what the last run left, cuts off a torn tail.
    pub fn open(dir: &Path, settings: Settings) -> Result<Arc<Logs>, OpenError> {
        let _ = dir;
        Ok(Arc::new(Logs {
            _settings: settings,
        }))
    }

    /// Syncs everything and marks it as sound, so that the next start reads nothing. Later appends are refused.
    pub fn close(&self) {}

    /// Makes a topic. `config` has Kafka's names.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: u32,
        config: &BTreeMap<String, String>,
    ) -> Result<TopicInfo, LogError> {
        let _ = (partitions, config);
        Err(LogError::InvalidTopic(name.to_owned()))
    }

    /// Checks what `create_topic` would check, and makes nothing (`validateOnly`).
    pub fn check_topic(
        &self,
        name: &str,
        partitions: u32,
        config: &BTreeMap<String, String>,
    ) -> Result<(), LogError> {
        let _ = (partitions, config);
        Err(LogError::InvalidTopic(name.to_owned()))
    }

    /// Deletes a topic with all that is in it.
    pub fn delete_topic(&self, _name: &str) -> Result<(), LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// Raises the number of partitions to `total`.
    pub fn add_partitions(&self, _name: &str, _total: u32) -> Result<(), LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// One topic.
    pub fn topic(&self, _name: &str) -> Option<TopicInfo> {
        None
    }

    /// All topics by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        Vec::new()
    }

    /// All settings of a topic, with defaults.
    pub fn config(&self, _name: &str) -> Result<Vec<ConfigEntry>, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// Sets (`Some`) or unsets (`None`) settings of a topic, all or none; `check_only` changes nothing.
    pub fn alter_config(
        &self,
        _name: &str,
        _changes: &BTreeMap<String, Option<String>>,
        _check_only: bool,
    ) -> Result<(), LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// Writes batches and gives them offsets, at once and in the order of the calls; await [`Written::durable`] before
    /// answering. So a connection's next request can be written while the last one is synced.
    pub fn write(
        &self,
        _topic: &str,
        _partition: i32,
        _batches: Bytes,
    ) -> Result<Written, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// [`Logs::write`] and [`Written::durable`] in one.
    pub async fn append(
        &self,
        topic: &str,
        partition: i32,
        batches: Bytes,
    ) -> Result<Appended, LogError> {
        self.write(topic, partition, batches)?.durable().await
    }

    /// Whole batches from the one that has `offset`, at most `max_bytes` but at least one, never what isn't durable.
    pub fn read(
        &self,
        _topic: &str,
        _partition: i32,
        _offset: i64,
        _max_bytes: usize,
    ) -> Result<Read, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// Offset after the last durable record: the high watermark.
    pub fn end_offset(&self, _topic: &str, _partition: i32) -> Result<i64, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// First offset kept.
    pub fn start_offset(&self, _topic: &str, _partition: i32) -> Result<i64, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// First record whose timestamp is `timestamp` (Unix ms) or later.
    pub fn offset_for_time(
        &self,
        _topic: &str,
        _partition: i32,
        _timestamp: i64,
    ) -> Result<Option<OffsetAndTime>, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// The record with the highest timestamp (KIP-734).
    pub fn offset_of_max_time(
        &self,
        _topic: &str,
        _partition: i32,
    ) -> Result<Option<OffsetAndTime>, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// Deletes the records before `before` (-1: all durable ones); answers the new first offset.
    pub fn delete_records(
        &self,
        _topic: &str,
        _partition: i32,
        _before: i64,
    ) -> Result<i64, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// `(epoch, end offset)` of a leader epoch, for OffsetForLeaderEpoch. There is one epoch, 0, for ever.
    pub fn end_offset_for_epoch(
        &self,
        _topic: &str,
        _partition: i32,
        _epoch: i32,
    ) -> Result<(i32, i64), LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// A producer id that was never given out, with epoch 0.
    pub fn new_producer_id(&self) -> Result<(i64, i16), LogError> {
        Err(LogError::Io("not there yet".into()))
    }

    /// The high watermark as it moves. Closed when the topic is deleted or the partition failed: read again to see which.
    pub fn watch(&self, _topic: &str, _partition: i32) -> Result<watch::Receiver<i64>, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }

    /// Housekeeping: retention, segments by age, compaction, checkpoints. Blocks: call it every few seconds from a
    /// thread of its own. `now_ms` is Unix time.
    pub fn maintain(&self, _now_ms: i64) {}

    /// Durably sets (`Some`) or deletes (`None`) keys of the server's own, all or none.
    pub async fn state_put(&self, _entries: Vec<(Bytes, Option<Bytes>)>) -> Result<(), LogError> {
        Err(LogError::Io("not there yet".into()))
    }

    /// All keys and values of the server's own. Reads the disk: for the start.
    pub fn state_all(&self) -> Result<BTreeMap<Bytes, Bytes>, LogError> {
        Ok(BTreeMap::new())
    }

    /// Bytes on disk of a partition, for DescribeLogDirs.
    pub fn size_bytes(&self, _topic: &str, _partition: i32) -> Result<u64, LogError> {
        Err(LogError::UnknownTopicOrPartition)
    }
}
