//! Every bound of the HTTP worker, named once.

use std::time::Duration;

/// Longest call, from connecting to the last byte (AWS: 60 s).
pub const CALL_MAX: Duration = Duration::from_secs(60);
/// Bytes of a response's body (AWS: the size of a state's payload, 256 KiB).
pub const RESPONSE_BYTES_MAX: usize = 256 * 1024;
/// Redirects that one call follows.
pub const REDIRECTS_MAX: usize = 5;
/// A token is renewed so long before it ends.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(60);
/// How long a token is used whose server does not say when it ends.
pub const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(300);
/// Bytes of the configuration file.
pub const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
