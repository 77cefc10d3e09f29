//! Bounds of the adapter, each named once.

use std::time::Duration;

/// Most messages (chunks of records, answers) that wait for the driver; past it their senders wait.
pub const INBOX_MESSAGES_MAX: usize = 64;
/// Most calls that wait for the driver; past it they are throttled.
pub const INBOX_CALLS_MAX: usize = 20_000;
/// Most bytes of records that wait for the driver; past it their senders wait (one message may be larger).
pub const INBOX_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most records of one chunk.
pub const CHUNK_RECORDS_MAX: usize = 1_000;
/// Most bytes of one chunk (one record may be larger).
pub const CHUNK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What a record is reckoned to need beside its key and value: headers and our own structures.
pub const READ_OVERHEAD_BYTES: usize = 512;
/// Most records read but not yet wanted by an owner, per partition and topic, before that partition is paused. What was
/// under way then still arrives: at most [`INBOX_BYTES_MAX`], and what the client has read ahead is dropped by the pause.
pub const FEED_RECORDS_MAX: usize = 4_000;
/// The same in bytes.
pub const FEED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A paused partition goes on when no more records than this wait.
pub const FEED_RESUME_AT: usize = 1_000;
/// And no more bytes than this.
pub const FEED_RESUME_AT_BYTES: usize = 2 * 1024 * 1024;
/// Most that a consumer reads ahead, over all its partitions, kilobytes.
pub const READ_AHEAD_KBYTES_MAX: usize = 64 * 1024;
/// Most commands that wait in a channel to a helper thread; more wait in the driver, bounded by what owners have open.
pub const MAILBOX_MAX: usize = 1_024;
/// Most bytes of history in one part that is given to an owner (one record may be larger).
pub const HISTORY_PART_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Longest wait of an append for room in the producer's queue; then the partition starts over from its log.
pub const APPEND_WAIT_MAX: Duration = Duration::from_millis(100);
/// Longest wait for room in the producer's queue of what threads other than the driver send on their own account.
pub const SEND_WAIT_MAX: Duration = Duration::from_secs(5);
/// Most messages in the producer's queue.
pub const PRODUCER_QUEUE_MAX: usize = 1_000_000;
/// Most memory of the producer's queue.
pub const PRODUCER_QUEUE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most memory of effects in the producer's queue; past it they wait in the driver, bounded by
/// [`baton_engine::limits::OUTBOX_MAX`] a partition, and the rest of the queue is the history's.
pub const EFFECTS_BYTES_MAX: usize = PRODUCER_QUEUE_BYTES_MAX / 2;
/// Room in the history topic for what Kafka adds to a record of [`baton_engine::limits::RECORD_BYTES_MAX`].
pub const RECORD_OVERHEAD_BYTES: usize = 64 * 1024;
/// Most partitions N: a partition number and an id travel together through the producer in 64 bits.
pub const PARTITIONS_MAX: i32 = 10_000;
/// Most requests to the registry that wait.
pub const REGISTRY_REQUESTS_MAX: usize = 1_024;
/// Longest wait for one's own record of the registry to be read back.
pub const REGISTRY_TIMEOUT: Duration = Duration::from_secs(15);
/// How often is looked whether brokers answer, and how much waits in the inputs.
pub const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How often a node says what it owns.
pub const ANNOUNCE_EVERY: Duration = Duration::from_secs(3);
/// How long an announcement that is not repeated stands against those of lower epochs.
pub const ANNOUNCEMENT_HOLDS: Duration = Duration::from_secs(12);
/// How many of the last announcements a node reads when it starts.
pub const ANNOUNCEMENTS_READ: i64 = 1_000;
/// How long a partition that another node will get may take to finish what is under way.
pub const HAND_OVER_MAX: Duration = Duration::from_secs(1);
/// How often positions are committed, for lag displays only.
pub const COMMIT_EVERY_MS: i64 = 5_000;
/// How long a request to a broker may take before it is tried again.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a question about one partition's offsets may take, so that others are not held up.
pub const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a position may lie beyond the end of its partition before that is believed: a new leader needs a moment to know
/// how far the log is replicated.
pub const BEYOND_END_MAX: Duration = Duration::from_secs(15);
/// How long a consumer waits to be told where a topic is led, before it goes on without.
pub const MEET_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between tries of what failed.
pub const RETRY_EVERY: Duration = Duration::from_millis(500);
/// A helper thread looks at its clients at least this often.
pub const POLL_EVERY: Duration = Duration::from_millis(100);
/// Pause before a fenced member joins again: another process has its name.
pub const FENCED_PAUSE: Duration = Duration::from_secs(5);
/// Longest sleep of the driver.
pub const DRIVER_IDLE_MAX: Duration = Duration::from_millis(500);
/// Threads that read histories back.
pub const HISTORY_READERS: usize = 2;
/// Threads that read items and write results of distributed Maps.
pub const MAP_IO_THREADS: usize = 4;
/// How long a queue of an activity is read on after nobody waits for its tasks any more.
pub const ACTIVITY_IDLE: Duration = Duration::from_secs(10);
/// Most who wait for the tasks of one activity on a node (AWS: 1,000 pollers).
pub const ACTIVITY_WAITING_MAX: usize = 1_000;
/// Most records of a bound topic that are read before what they lead to is acknowledged.
pub const BINDING_BATCH_RECORDS_MAX: usize = 500;
/// The same in bytes (one record may be larger).
pub const BINDING_BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a binding's start request is tried before that is said; then it is tried again.
pub const BINDING_SEND_TIMEOUT_MS: u32 = 10_000;
/// Most consumer groups that a survey of the task queues looks at.
pub const SURVEY_GROUPS_MAX: usize = 1_000;
