//! Bounds of a definition, each named once.

/// Largest definition, bytes (AWS: 1 MiB).
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;
/// Deepest nesting of scopes and rules.
pub const DEPTH_MAX: usize = 64;
/// Longest state name, characters (AWS: 80).
pub const STATE_NAME_LENGTH_MAX: usize = 80;
/// Longest wait or timeout, seconds (AWS: 99,999,999).
pub const SECONDS_MAX: u64 = 99_999_999;
