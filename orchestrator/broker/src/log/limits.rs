//! Every bound of the log in one place: sizes, counts and ages.

/// Largest length of a topic's name, as in Kafka.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;
/// Most partitions of one topic.
pub const PARTITIONS_PER_TOPIC_MAX: u32 = 10_000;
/// Most partitions of all topics together.
pub const PARTITIONS_MAX: usize = 20_000;
/// Largest batch whatever a topic's `max.message.bytes` says. A batch beyond it in a file is damage.
pub const BATCH_BYTES_MAX: usize = 256 << 20;
/// Largest size of the records of one batch when decompressed; larger ones are not looked into.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;
/// Most bytes of one read, whatever is asked for (one batch may be larger).
pub const READ_BYTES_MAX: usize = 8 << 20;
/// Segment files held open at a time, over all partitions.
pub const OPEN_FILES_MAX: usize = 256;
/// Indexes of closed segments held in memory at a time, over all partitions.
pub const INDEXES_MAX: usize = 32;
/// Bytes of log between two entries of an index.
pub const INDEX_INTERVAL_BYTES: u64 = 8 << 10;
/// Batches remembered of each idempotent producer, to recognise repeats; Kafka's number.
pub const PRODUCER_BATCHES: usize = 5;
/// Producers remembered of each partition; beyond it the one that was silent for longest is forgotten.
pub const PRODUCERS_MAX: usize = 2_000;
/// A producer silent for this long is forgotten (Kafka's `producer.id.expiration.ms`).
pub const PRODUCER_KEPT_MS: i64 = 24 * 3600 * 1000;
/// Producer ids taken from the disk at once.
pub const PRODUCER_ID_BLOCK: i64 = 1_000;
/// Keys held in memory by one pass of compaction; a longer log takes several passes.
pub const COMPACTION_KEYS_MAX: usize = 200_000;
/// Threads that sync files. They share the disk's journal commits, so a few are better than one.
pub const FLUSHERS: usize = 4;
/// Bytes appended to a partition after which its checkpoint is written again, so that a start reads little.
pub const CHECKPOINT_BYTES: u64 = 16 << 20;
/// Largest metadata file that is read.
pub const METADATA_BYTES_MAX: u64 = 16 << 20;
