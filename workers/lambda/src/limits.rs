//! Every bound of the Lambda worker, named once.

use std::time::Duration;

/// Longest time a function may be given (AWS's own limit); also the default.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(900);
/// How long a new child may take until it asks for its first invocation. AWS gives 10 s and then starts the child again
/// within the function's own timeout; one bound for both is simpler.
pub const INIT_MAX: Duration = Duration::from_secs(60);
/// Bytes of a function's response (AWS: 6 MB for a synchronous call).
pub const RESPONSE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Bytes of an error report.
pub const ERROR_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one line of a child's output; a longer one is logged in parts.
pub const LOG_LINE_BYTES_MAX: u64 = 64 * 1024;
/// Memory that a child is told it has, MB, where nothing else is said. Nothing enforces it.
pub const MEMORY_MB_DEFAULT: u32 = 1024;
