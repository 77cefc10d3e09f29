//! Every bound of the server in one place: sizes, counts and times.

use std::time::Duration;

/// Most bytes of a request before its connection has authenticated, where that is asked for.
pub const STRANGER_REQUEST_BYTES_MAX: usize = 16 << 10;
/// Most bytes of a request other than Produce. Only Produce carries records.
pub const SMALL_REQUEST_BYTES_MAX: usize = 2 << 20;
/// Default of most bytes of a Produce request. Clients send at most 1 MiB unless they are told otherwise.
pub const REQUEST_BYTES_MAX: usize = 16 << 20;
/// A request above this takes room among all that are being read (`LARGE_REQUESTS_BYTES_MAX`) before it is read on.
pub const LARGE_REQUEST_BYTES: usize = 256 << 10;
/// Most bytes of large requests that are being read, over all connections; further ones wait to be read.
pub const LARGE_REQUESTS_BYTES_MAX: usize = 256 << 20;
/// A large request that is not whole after this long ends its connection, so that its room goes to others.
pub const LARGE_REQUEST_MAX: Duration = Duration::from_secs(30);
/// Default of most connections at a time.
pub const CONNECTIONS_MAX: usize = 2_000;
/// Produce requests of one connection that are written but not yet answered. Kafka's clients send 5 at most.
pub const IN_FLIGHT_MAX: usize = 16;
/// Bytes read ahead of a connection while a request of it is being answered.
pub const READ_AHEAD_BYTES_MAX: usize = 64 << 10;
/// Room made for reading at a time.
pub const READ_CHUNK_BYTES: usize = 16 << 10;
/// Most room made at a time for a large request; it grows as bytes really come.
pub const READ_GROWTH_BYTES_MAX: usize = 1 << 20;
/// An array length or number below this is decoded without a second look.
pub const UNSUSPICIOUS_MAX: usize = 1 << 10;
/// Most record bytes of one Fetch answer, whatever is asked for (one batch may be larger).
pub const FETCH_BYTES_MAX: usize = 8 << 20;
/// Bytes of answers that clients have not taken yet, over all connections; beyond it Fetch gives little at a time.
pub const UNWRITTEN_BYTES_MAX: usize = 256 << 20;
/// The little that Fetch gives then.
pub const FETCH_BYTES_MIN: usize = 64 << 10;
/// Longest wait of a Fetch, whatever is asked for.
pub const FETCH_WAIT_MAX: Duration = Duration::from_secs(60);
/// Most partitions of one Fetch.
pub const FETCH_PARTITIONS_MAX: usize = 20_000;
/// A connection silent for this long is closed, as in Kafka (`connections.max.idle.ms`).
pub const IDLE_MAX: Duration = Duration::from_secs(600);
/// A client that does not read its answer for this long is cut off.
pub const WRITE_MAX: Duration = Duration::from_secs(60);
/// How long a shutdown waits for answers that are under way.
pub const SHUTDOWN_MAX: Duration = Duration::from_secs(5);
/// Pause after the system refused a connection, for want of file descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Default of the time between two rounds of housekeeping: retention, compaction, expiry of offsets.
pub const HOUSEKEEPING_EVERY: Duration = Duration::from_secs(5);
/// Shortest session timeout of a group member. Kafka's default is 6 s; on one machine less makes sense.
pub const SESSION_TIMEOUT_MS_MIN: i32 = 500;
/// Longest session timeout of a group member, as in Kafka.
pub const SESSION_TIMEOUT_MS_MAX: i32 = 1_800_000;
/// Most groups at a time, those included that only have offsets.
pub const GROUPS_MAX: usize = 10_000;
/// Largest subscription and assignor data of one group member.
pub const MEMBER_BYTES_MAX: usize = 512 << 10;
/// Most bytes of subscriptions and assignments of all groups together.
pub const GROUPS_BYTES_MAX: usize = 64 << 20;
/// Most committed offsets of all groups together.
pub const OFFSETS_MAX: usize = 100_000;
/// Largest metadata of one committed offset, as in Kafka (`offset.metadata.max.bytes`).
pub const OFFSET_METADATA_BYTES_MAX: usize = 4_096;
/// Offsets of a group without members are forgotten after this long, as in Kafka (`offsets.retention.minutes`).
pub const OFFSETS_KEPT_MS: i64 = 7 * 24 * 3_600 * 1_000;
