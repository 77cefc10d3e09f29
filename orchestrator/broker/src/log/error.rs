//! What can go wrong in the log, one variant for each answer that a client can be given.
//!
//! The server alone knows Kafka's error codes; here are the reasons and their texts.

use std::{io, path::PathBuf, sync::Arc};

/// Why an operation on the log was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// No such topic, or no such partition of it.
    #[error("no such topic or partition")]
    UnknownTopicOrPartition,
    /// The offset is outside of what the partition holds: `start..=end`.
    #[error("the partition holds offsets {start} to {end} (exclusive)")]
    OffsetOutOfRange {
        /// First offset kept.
        start: i64,
        /// Offset after the last durable record.
        end: i64,
    },
    /// An idempotent producer left out or reordered a batch (KIP-98).
    #[error("out of order sequence {got} of producer {producer_id}; expected {expected}")]
    OutOfOrderSequence {
        /// Who.
        producer_id: i64,
        /// The sequence number that would have continued.
        expected: i32,
        /// The sequence number that came.
        got: i32,
    },
    /// A newer instance of this producer has written (KIP-98).
    #[error("producer {producer_id} has epoch {current}; epoch {got} is fenced")]
    InvalidProducerEpoch {
        /// Who.
        producer_id: i64,
        /// The epoch that holds.
        current: i16,
        /// The epoch that came.
        got: i16,
    },
    /// Bytes that are no batch of format v2, or whose checksum is wrong.
    #[error("corrupt message: {0}")]
    CorruptMessage(String),
    /// A whole batch that must not be in this topic (no key where compacted, transactional, old format).
    #[error("invalid record: {0}")]
    InvalidRecord(String),
    /// Larger than the topic's `max.message.bytes`.
    #[error("a batch of {bytes} bytes; max.message.bytes is {max}")]
    MessageTooLarge {
        /// Size of the batch.
        bytes: usize,
        /// The topic's bound.
        max: usize,
    },
    /// A topic of this name is there.
    #[error("topic {0:?} exists")]
    TopicExists(String),
    /// A name that no topic can have.
    #[error(
        "topic name {0:?}: use 1 to 249 of letters, digits, '.', '_' and '-', but not \".\" or \"..\""
    )]
    InvalidTopic(String),
    /// A number of partitions that can't be.
    #[error("{0}")]
    InvalidPartitions(String),
    /// A topic setting that is unknown or has an impossible value.
    #[error("{0}")]
    InvalidConfig(String),
    /// The disk is full; what was partly written was taken back. Works again when there is room.
    #[error("the disk is full")]
    DiskFull,
    /// The disk failed. A partition whose sync failed stays refused until a restart reads it again.
    #[error("{0}")]
    Io(Arc<str>),
}

impl LogError {
    /// An I/O error with what was being done; a full disk is recognised.
    pub(crate) fn io(doing: impl std::fmt::Display, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::DiskFull,
            _ => LogError::Io(format!("{doing}: {error}").into()),
        }
    }
}

/// Why a data directory can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error("{dir} is in use by another broker; stop it, or use another directory")]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    Io {
        /// What was being read or written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A metadata file that is not as it was written. Nothing is deleted; restore the file or remove its topic.
    #[error(
        "{path} is damaged: {what}; restore it from a backup, or move its directory away to go on without it"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| OpenError::Io { path, source }
    }
}
