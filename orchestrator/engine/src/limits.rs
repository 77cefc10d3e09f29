//! Bounds of the engine, each named once; the configurable ones are defaults of [`crate::Settings`].

/// Largest history record, bytes; the history topic's `max.message.bytes` must be at least this.
pub const RECORD_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most appended but not yet acknowledged records of one partition; past it inputs wait and calls are throttled.
pub const IN_FLIGHT_MAX: usize = 20_000;
/// Most open executions of one partition; past it starts are throttled.
pub const OPEN_EXECUTIONS_MAX: usize = 1_000_000;
/// Most sent but not yet acknowledged effects of one partition; past it inputs wait.
pub const OUTBOX_MAX: usize = 100_000;
/// Most of them that may be commands of one task queue; past it the queue's further commands wait, and nothing else does.
pub const QUEUE_OUTBOX_MAX: usize = 10_000;
/// Most completed tasks whose times wait to be asked for.
pub const TASK_TIMES_MAX: usize = 10_000;
/// Most texts (machines, roles, queues) that a fold lets executions share.
pub const SHARED_TEXTS_MAX: usize = 4_096;
/// How many executions of a partition must have started or gone on before the records of one that has not are packed.
pub const COOLING_MAX: usize = 2_000;
/// Most executions whose records are packed in one tick of a partition that has nothing else to do.
pub const PACKED_PER_TICK_MAX: usize = 1_000;
/// Most of them packed for one record that is appended or folded.
pub const PACKED_PER_RECORD_MAX: usize = 2;
/// Records of an execution that together are larger than this, bytes, are not packed.
pub const PACKED_BYTES_MAX: usize = 1024 * 1024;
/// Most machines whose executions' records are packed with a dictionary.
pub const DICTIONARIES_MAX: usize = 256;
/// Largest dictionary, bytes.
pub const DICTIONARY_BYTES_MAX: usize = 16 * 1024;
/// A mark is written at the latest after this many effective records.
pub const MARK_EVERY_RECORDS: u64 = 2_000;
/// A mark is written at the latest this long after an effect was acknowledged, milliseconds.
pub const MARK_EVERY_MS: i64 = 250;
/// Most Express executions of one partition that run at a time; past it starts are throttled, and requests wait.
pub const EXPRESS_RUNS_MAX: usize = 10_000;
/// Longest run of an Express execution, milliseconds (AWS: 5 minutes).
pub const EXPRESS_RUN_MS_MAX: i64 = 5 * 60 * 1_000;
/// Most search attributes of a machine.
pub const ATTRIBUTES_MAX: usize = 16;
/// Longest name of a search attribute, characters.
pub const ATTRIBUTE_NAME_LENGTH_MAX: usize = 64;
/// Longest text that a search attribute may have as its value, bytes; what is longer is left out.
pub const ATTRIBUTE_TEXT_BYTES_MAX: usize = 256;
/// Most redrives of one partition that wait for the histories of their executions; past it they are throttled.
pub const RECALLS_MAX: usize = 1_000;
/// Most completions that came too late and are kept with an open execution and in its views; the log has all of them.
pub const IGNORED_KEPT_MAX: u32 = 100;
/// How often an idle owner looks whether somebody else wrote to its history (R5), milliseconds.
pub const TAIL_EVERY_MS: i64 = 1_000;
/// Longest random pause before claiming again, milliseconds.
pub const RECLAIM_PAUSE_MAX_MS: i64 = 500;
/// How far the clock may be off the broker's, milliseconds (R11).
pub const CLOCK_SKEW_MAX_MS: i64 = 30_000;
/// Records appended since the last restatement before a new one begins (R14).
pub const RESTATE_EVERY_RECORDS: u64 = 1_000_000;
/// Open executions restated in one go, so that other work is not held up.
pub const RESTATE_BATCH: usize = 100;
/// Closed names in one restatement record.
pub const RESTATE_NAMES_PER_RECORD: usize = 1_000;
/// How long closed executions and their names are kept, milliseconds (90 days).
pub const CLOSED_KEPT_MS: i64 = 90 * 24 * 3_600 * 1_000;
/// An open task's command is sent again this long after it was scheduled, before its topic drops it (6 of 7 days), milliseconds.
pub const COMMAND_RESEND_MS: i64 = 6 * 24 * 3_600 * 1_000;
/// Longest pause of the owner's own timers, milliseconds: it wants a tick at least this often.
pub const TICK_MAX_MS: i64 = 1_000;
