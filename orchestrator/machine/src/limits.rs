//! Bounds of an execution, each named once.

/// Largest input, output, parameter or variable text, bytes (AWS: 262,144).
pub const PAYLOAD_BYTES_MAX: usize = 262_144;
/// Largest sum of all variables of an execution, bytes (AWS: 10 MiB). Of one `Assign`: `PAYLOAD_BYTES_MAX`.
pub const VARIABLES_BYTES_MAX: usize = 10 * 1_048_576;
/// Most events in a history (AWS: 25,000).
pub const HISTORY_EVENTS_MAX: u64 = 25_000;
/// Most events of an Express execution, which has no history: a bound on what loops without end cost.
pub const EXPRESS_EVENTS_MAX: u64 = 1_000_000;
/// Longest error name, characters (AWS: 256).
pub const ERROR_LENGTH_MAX: usize = 256;
/// Longest cause, characters (AWS: 32,768).
pub const CAUSE_LENGTH_MAX: usize = 32_768;
/// Most events that one step may write before the execution is failed: a loop without a waiting state ends here.
pub const EVENTS_PER_STEP_MAX: usize = 25_000;
/// Most items that one Map takes: each costs at least one event.
pub const FAN_OUT_MAX: usize = 25_000;
/// How long after it closed an execution can be redriven, milliseconds (AWS: 14 days).
pub const REDRIVE_PERIOD_MS: i64 = 14 * 24 * 3_600 * 1_000;
/// How long after its start an execution can still be redriven, milliseconds (AWS: one year).
pub const EXECUTION_AGE_MS_MAX: i64 = 365 * 24 * 3_600 * 1_000;
/// Redrives of an execution whose `clientToken` is remembered (AWS: 10).
pub const REDRIVE_TOKENS_MAX: usize = 10;
/// How long a redrive's `clientToken` is remembered, milliseconds (AWS: 15 minutes).
pub const REDRIVE_TOKEN_MS: i64 = 15 * 60 * 1_000;
/// Most entries of one `Retry` that are counted.
pub const RETRIERS_MAX: usize = 1_024;
/// Most children of one distributed Map that run at once, also where it says 0 or nothing (AWS: 10,000).
pub const MAP_CONCURRENCY_MAX: u64 = 10_000;
/// Most children that one step starts; the next step follows at once.
pub const MAP_CHILDREN_PER_STEP_MAX: usize = 100;
/// Largest sum of the inputs of children that one step starts, bytes, but for the last of them.
pub const MAP_CHILD_BYTES_PER_STEP_MAX: usize = 1_048_576;
/// Most items of one read.
pub const MAP_ITEMS_PER_READ_MAX: u64 = 1_000;
/// Largest sum of the items of one read, bytes, but for the last of them.
pub const MAP_ITEM_BYTES_PER_READ_MAX: usize = 262_144;
/// Items that wait for a child when no more are read.
pub const MAP_ITEMS_WAITING_MAX: usize = 10_000;
/// Their sum, bytes, when no more are read.
pub const MAP_ITEM_BYTES_WAITING_MAX: usize = 1_048_576;
/// Results that wait to be written when a file is made of them, bytes.
pub const MAP_RESULT_FILE_BYTES: usize = 4 * 1_048_576;
/// Children of Express type end after this long, seconds (AWS: five minutes).
pub const EXPRESS_SECONDS_MAX: u64 = 300;
