//! Every bound and interval of the worker library, named once. Those that a user may want to change have a setter in
//! [`crate::WorkerBuilder`] with this value as its default.

use std::time::Duration;

/// Handlers of one queue that run at the same time.
pub const CONCURRENCY_DEFAULT: usize = 64;
/// Commands of one queue that were received and whose offset is not settled yet, running or awaiting acknowledgement.
pub const UNSETTLED_MAX: usize = 50_000;
/// Offsets of one partition between the first unfinished command and the last received one; past it the partition pauses.
pub const WINDOW_MAX: usize = 1_000_000;
/// Finished tasks of one queue whose completion is remembered, to answer a repeated command.
pub const RECENT_TOKENS_MAX: usize = 10_000;
/// Bytes of the completions remembered for one queue.
pub const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Cancelled tokens remembered for one queue because their command may still come.
pub const CANCELLED_MAX: usize = 10_000;
/// Messages taken from the consumer before commits and waits are looked at.
pub const POLL_BATCH_MAX: usize = 1_000;
/// Tasks of one batch, and tasks that wait to be in one.
pub const BATCH_MAX: usize = 10_000;
/// What a wrong input is told of at once.
pub const SCHEMA_FINDINGS_MAX: usize = 10;
/// How long an inbox remembers a finished task: as long as its command is kept (7 days), and a day more.
pub const INBOX_KEPT: Duration = Duration::from_secs(8 * 24 * 3_600);
/// Bytes of the cause in a failure completion.
pub const CAUSE_BYTES_MAX: usize = 32_768;
/// Records of the in-memory harness that nobody has looked at.
pub const HARNESS_RECORDS_MAX: usize = 10_000;

/// Kilobytes that the consumer of a queue fetches ahead (`queued.max.messages.kbytes`).
pub const PREFETCH_KIB: usize = 16 * 1024;
/// Messages that the consumer of a queue aims to have ahead (`queued.min.messages`).
pub const PREFETCH_MESSAGES: usize = 20_000;
/// Records that wait in the producer (`queue.buffering.max.messages`).
pub const PRODUCER_RECORDS_MAX: usize = 500_000;
/// Kilobytes that wait in the producer (`queue.buffering.max.kbytes`).
pub const PRODUCER_KIB_MAX: usize = 256 * 1024;
/// So many unacknowledged completions are load: until [`GATHER_AFTERWARDS`] completions wait for each other,
/// [`GATHER_FOR`] at most.
pub const GATHER_FROM: usize = 16;
/// How long a completion waits for others under load (`linger.ms`).
pub const GATHER_FOR: Duration = Duration::from_millis(2);
/// How long load lasts after it was last seen; bursts come closer together than that.
pub const GATHER_AFTERWARDS: Duration = Duration::from_millis(200);
/// How long the client that gathers may take to connect before records go to it.
pub const GATHER_READY: Duration = Duration::from_secs(1);

/// How long a running handler may go on after a stop signal.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(25);
/// How long a rebalance waits for running tasks of the partitions that go away.
pub const REVOKE_WAIT: Duration = Duration::from_secs(3);
/// A consumer that is fenced twice within this time has a namesake: the worker ends. Without one, it takes a broker that
/// was silent for a whole session in between.
pub const FENCED_AGAIN_WITHIN: Duration = SESSION_TIMEOUT;
/// How often finished offsets are committed: what was finished since then is done again when the worker is killed. A
/// commit costs the broker about what a batch of completions does, however many tasks there were.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(50);
/// Longest wait in one poll; also how soon a stop is seen.
pub const POLL_WAIT: Duration = Duration::from_millis(100);
/// How long a full worker keeps its prefetched messages before it pauses its partitions.
pub const PAUSE_AFTER: Duration = Duration::from_millis(500);
/// A first poll that takes longer is a slow one.
pub const INLINE_POLL_MAX: Duration = Duration::from_micros(500);
/// How many quick first polls make up for a slow one.
pub const SLOW_POLL_WEIGHT: u32 = 200;
/// After more slow ones than this that nothing made up for, a queue's handlers are spawned, so that they don't hold up
/// each other.
pub const SLOW_POLLS_MAX: u32 = 4;
/// Wait before a completion that the broker refused is sent again.
pub const RESEND_AFTER: Duration = Duration::from_secs(1);
/// After this long without a sign of life a worker's partitions go to the others (`session.timeout.ms`); Kafka's own
/// default of 45 s leaves the tasks of a killed worker waiting for as long, or twice that with a cooperative rebalance.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a topic that doesn't exist yet is looked for.
pub const TOPIC_REFRESH: Duration = Duration::from_secs(1);
/// Longest wait for the last completions to be acknowledged when a worker stops.
pub const FLUSH_WAIT: Duration = Duration::from_secs(5);
/// Automatic heartbeats per heartbeat interval.
pub const HEARTBEATS_PER_INTERVAL: u32 = 3;
