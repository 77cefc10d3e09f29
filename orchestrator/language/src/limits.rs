//! Bounds of a definition, each named once.

/// Largest definition, bytes (AWS: 1 MiB).
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;
/// Most values of a definition in YAML, those of aliases included.
pub const YAML_VALUES_MAX: usize = 100_000;
/// Deepest nesting of a definition in YAML (the JSON reader's own limit is 128).
pub const YAML_DEPTH_MAX: usize = 100;
/// Deepest nesting of scopes and rules.
pub const DEPTH_MAX: usize = 64;
/// Longest state name, characters (AWS: 80).
pub const STATE_NAME_LENGTH_MAX: usize = 80;
/// Longest wait or timeout, seconds (AWS: 99,999,999).
pub const SECONDS_MAX: u64 = 99_999_999;
/// Most errors, and most warnings, reported of one definition; one more than the 100 that AWS returns, so that a caller
/// can tell that there were more.
pub const DIAGNOSTICS_MAX: usize = 101;
/// Most steps of one path.
pub const PATH_STEPS_MAX: usize = 128;
/// Most places that one path may look at; `$..*..*` grows fast.
pub const PATH_NODES_MAX: usize = 100_000;
/// Deepest nesting of filters in a path, and of brackets in a filter.
pub const FILTER_DEPTH_MAX: usize = 16;
/// Largest compiled regular expression of a filter, bytes.
pub const PATTERN_BYTES_MAX: usize = 1_048_576;
/// Deepest nesting of intrinsic calls (AWS: 10).
pub const INTRINSIC_DEPTH_MAX: usize = 10;
/// Most values that `States.ArrayRange` makes (AWS: 1,000).
pub const ARRAY_RANGE_LENGTH_MAX: usize = 1_000;
/// Longest argument of `States.Base64Encode`, `Base64Decode` and `Hash`, characters (AWS: 10,000).
pub const INTRINSIC_TEXT_LENGTH_MAX: usize = 10_000;
/// Longest text that an intrinsic call makes, bytes: well over the largest payload, so only what would fail there fails here.
pub const INTRINSIC_RESULT_BYTES_MAX: usize = 1_048_576;
/// Largest value that one path, template or call makes, bytes (roughly): far over any payload, so that it only keeps
/// a small definition from filling the memory by repeating its input.
pub const VALUE_BYTES_MAX: usize = 16 * 1_048_576;
/// Deepest nesting of evaluation within a JSONata expression, levels: about 600 calls within calls.
pub const JSONATA_DEPTH_MAX: usize = 2_000;
/// Most values in a sequence that a JSONata expression makes (recorded from AWS).
pub const JSONATA_SEQUENCE_LENGTH_MAX: usize = 873_782;
/// Most values that `$range` makes (recorded from AWS).
pub const JSONATA_RANGE_LENGTH_MAX: usize = 360_145;
/// Most values that all ranges of one evaluation make together.
pub const JSONATA_RANGES_LENGTH_MAX: usize = 8_000_000;
/// Largest value that a JSONata expression makes, bytes: 8 for each value and the texts (recorded from AWS).
pub const JSONATA_VALUE_BYTES_MAX: usize = 6_990_256;
/// Largest text that `$replace` may have to make, bytes, by the lengths of its arguments.
pub const JSONATA_REPLACED_BYTES_MAX: usize = 64 * 1_048_576;
/// From here on a whole number is written with an exponent.
pub const JSONATA_WHOLE_MAX: f64 = 9.0e18;
/// Longest evaluation of one JSONata expression, milliseconds. What it ends is recorded as a failure.
pub const JSONATA_MILLIS_MAX: u64 = 1_000;
/// Deepest nesting of a value that a JSONata expression gives (the JSON reader's own limit is 128).
pub const JSONATA_RESULT_DEPTH_MAX: usize = 120;
/// Longest name of a variable, characters (AWS: 80).
pub const VARIABLE_NAME_LENGTH_MAX: usize = 80;
/// Longest name of a task queue, characters: with the prefix it stays within Kafka's 249 for a topic.
pub const QUEUE_NAME_LENGTH_MAX: usize = 150;
/// Largest `MaxAttempts` of a retrier (AWS: 99,999,999).
pub const MAX_ATTEMPTS_MAX: u64 = 99_999_999;
/// Largest `MaxDelaySeconds` of a retrier (AWS: 31,622,400, 366 days).
pub const MAX_DELAY_SECONDS_MAX: u64 = 31_622_400;
/// Largest `MaxConcurrency` of a Map.
pub const MAX_CONCURRENCY_MAX: u64 = 99_999_999;
/// Longest `Label` of a distributed Map, characters (AWS: 40).
pub const LABEL_LENGTH_MAX: usize = 40;
/// Most items that one distributed Map reads (AWS: 100,000,000).
pub const MAX_ITEMS_MAX: u64 = 100_000_000;
/// Largest `MaxInputBytesPerBatch` (AWS: 262,144).
pub const BATCH_BYTES_MAX: u64 = 262_144;
