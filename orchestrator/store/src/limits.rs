//! Bounds of the store, each named once.

use std::time::Duration;

/// What has gathered is written at the latest after this long.
pub const FLUSH_EVERY: Duration = Duration::from_millis(1_000);
/// What has gathered is written at once when it is larger than this, bytes.
pub const FLUSH_BYTES: u64 = 16 * 1024 * 1024;
/// Most bytes that wait to be written; past it `apply` blocks until the writer has caught up.
pub const PENDING_BYTES_MAX: u64 = 48 * 1024 * 1024;
/// What a waiting record costs in memory besides its JSON, bytes (an estimate).
pub const RECORD_OVERHEAD_BYTES: u64 = 256;

/// Most executions in one page of a list; AWS: 1,000.
pub const PAGE_MAX: usize = 1_000;
/// Most executions looked at for one page of a list, whether they match or not.
pub const EXAMINED_MAX: usize = 50_000;

/// Largest uncompressed history chunk, bytes; what is larger is written as several.
pub const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Chunks below this many bytes are not worth compressing.
pub const COMPRESS_FROM_BYTES: usize = 256;

/// Memory for cached blocks, bytes.
pub const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Memory for histories before they go to a file, bytes.
pub const HISTORY_MEMTABLE_BYTES: u64 = 8 * 1024 * 1024;
/// Memory of each index before it goes to a file, bytes.
pub const INDEX_MEMTABLE_BYTES: u64 = 4 * 1024 * 1024;
/// Disk for fjall's journals, bytes (its least).
pub const JOURNAL_BYTES: u64 = 64 * 1024 * 1024;
/// Threads of fjall that flush and compact. With more than one, the first spins for as long as another compacts (it puts
/// the compaction back into the queue and takes it out again), which cost a quarter of the orchestrator's CPU.
pub const WORKER_THREADS: usize = 1;

/// How long closed executions and their names are kept by default (90 days), milliseconds.
pub const RETENTION_MS: i64 = baton_engine::limits::CLOSED_KEPT_MS;
/// How often the store looks for what is past its retention.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Pause between the steps of one sweep.
pub const SWEEP_PAUSE: Duration = Duration::from_millis(100);
/// Most entries that one step of a sweep looks at or deletes.
pub const SWEEP_STEP: usize = 4_096;

/// Size of the note that a store was found broken while in use, bytes.
pub const NOTE_BYTES: usize = 64 * 1024;
/// Most stores set aside next to each other; past it opening fails until somebody has looked.
pub const SET_ASIDE_MAX: u32 = 100;
