//! The durable log: topics of partitions, each a sequence of Kafka's own record batches in segment files.
//!
//! Owns: everything on the disk, offsets, durability before acknowledgement, idempotent producers' sequences,
//! retention and compaction. Must not: know requests, connections or Kafka's error codes.
//!
//! ```text
//! write ─► partition (one write to the active segment) ─► flusher (one fdatasync for all that gathered) ─► Written
//!                                                                     └─► high watermark moves ─► watch ─► read
//! ```
//!
//! On disk, below the data directory:
//!
//! ```text
//! lock                                    held while a broker runs
//! producer-ids                            the first id that was never given out
//! topics/<name>/topic.json                id, number of partitions, settings
//! topics/<name>/<partition>/<base offset>.log     batches of format v2, as sent but for their base offset
//! topics/<name>/<partition>/<base offset>.index   sparse offsets, positions and times; made again if absent
//! topics/<name>/<partition>/checkpoint    up to where the log is known to be sound, and the producers there
//! topics/<name>/<partition>/start         the first offset kept, after DeleteRecords
//! state/                                  a partition of the same kind: the server's small keys and values
//! ```

mod batch;
mod cache;
mod codec;
mod config;
mod disk;
mod error;
mod flusher;
mod index;
pub mod limits;
mod logs;
mod partition;
mod producers;
mod records;
mod segment;
mod server_state;
#[cfg(test)]
mod tests;
mod topic;

pub use error::{LogError, OpenError};
pub use logs::{Logs, Settings};
pub use partition::Written;

use bytes::Bytes;
use uuid::Uuid;

/// A topic as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its id (KIP-516); another one if a topic is deleted and made again.
    pub id: Uuid,
    /// Number of partitions, from 0.
    pub partitions: u32,
}

/// One setting of a topic, for DescribeConfigs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Kafka's name of it, such as `retention.ms`.
    pub name: &'static str,
    /// The value that holds.
    pub value: String,
    /// What holds if it is not set.
    pub default: String,
    /// Whether it was set for this topic.
    pub is_set: bool,
    /// What type of value it has.
    pub kind: ConfigKind,
}

/// Type of a setting's value; the server maps it to Kafka's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigKind {
    /// `true` or `false`.
    Boolean,
    /// A word.
    String,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A fraction.
    Double,
    /// Words separated by commas.
    List,
}

/// What an append was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record. Of a repeated batch: the offset it was given the first time.
    pub base_offset: i64,
    /// Unix time in ms if the topic has `message.timestamp.type=LogAppendTime`, else -1.
    pub log_append_time: i64,
    /// First offset kept.
    pub log_start: i64,
}

/// What a read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Whole batches as stored. The first may begin before the offset asked for. Empty at the end.
    pub records: Bytes,
    /// Offset after the last durable record.
    pub high_watermark: i64,
    /// First offset kept.
    pub log_start: i64,
}

/// An offset and the timestamp of the record there, Unix time in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTime {
    /// The record's offset.
    pub offset: i64,
    /// The record's timestamp.
    pub timestamp: i64,
}
