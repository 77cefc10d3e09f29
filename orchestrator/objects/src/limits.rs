//! Bounds of reading and writing, each named once.

/// Bytes that one read of a file gets at once.
pub const READ_BYTES: u64 = 1_048_576;
/// Largest item, bytes: a line, a row, an element. More than a child's input may have, so that what is too large fails there.
pub const ITEM_BYTES_MAX: usize = 8 * 1_048_576;
/// Largest JSON file whose items are in a part of it, or that is an object, bytes: it is read whole for each chunk.
pub const WHOLE_FILE_BYTES_MAX: u64 = 64 * 1_048_576;
/// Largest file of a manifest once it is unpacked, bytes.
pub const UNPACKED_BYTES_MAX: u64 = 256 * 1_048_576;
/// Most keys of one listing.
pub const KEYS_PER_LISTING: usize = 1_000;
/// How often a request to an object store is tried again.
pub const RETRIES_MAX: usize = 5;
/// How long all tries of one request may take, seconds.
pub const RETRY_SECONDS_MAX: u64 = 60;
