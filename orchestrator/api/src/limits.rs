//! Bounds of the API, each named once. Those of [`crate::Settings`] are defaults.

use std::time::Duration;

/// Largest request body, bytes: a definition of 1 MiB, escaped, fits.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest answer of another node, bytes: a page of history with large payloads fits.
pub const REMOTE_BODY_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Largest input of an execution or output of a task, bytes (AWS: 262,144).
pub const PAYLOAD_BYTES_MAX: usize = 262_144;
/// Largest definition, bytes (AWS: 1 MiB).
pub const DEFINITION_BYTES_MAX: usize = 1_048_576;
/// Most requests handled at a time; past it 429 or ThrottlingException.
pub const REQUESTS_MAX: usize = 8_192;
/// Longest time a call waits for its owner's answer. What was asked may still happen afterwards.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call is tried again while nobody owns its partition, or its owner can't be reached.
pub const ROUTE_PATIENCE: Duration = Duration::from_secs(10);
/// First pause between two tries; doubled each time up to [`ROUTE_PAUSE_MAX`].
pub const ROUTE_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause between two tries.
pub const ROUTE_PAUSE_MAX: Duration = Duration::from_millis(500);
/// Tries of a registry write that another writer beats.
pub const WRITE_TRIES: u32 = 5;
/// Longest time to create the topics of a definition's queues.
pub const QUEUES_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest page of any list (AWS: 1,000).
pub const PAGE_MAX: usize = 1_000;
/// Page of a list when none is asked for (AWS: 100).
pub const PAGE_DEFAULT: usize = 100;
/// Longest page token or cursor (AWS: 3,096 for executions, 1,024 elsewhere).
pub const CURSOR_LENGTH_MAX: usize = 3_096;
/// Longest ARN (AWS: 256).
pub const ARN_LENGTH_MAX: usize = 256;
/// Longest name (AWS: 80).
pub const NAME_LENGTH_MAX: usize = baton_schemas::arn::NAME_LENGTH_MAX;
/// Longest error of StopExecution and SendTaskFailure (AWS: 256).
pub const ERROR_LENGTH_MAX: usize = 256;
/// Longest cause (AWS: 32,768).
pub const CAUSE_LENGTH_MAX: usize = 32_768;
/// Longest task token that a caller may send (AWS: 2,048).
pub const TOKEN_LENGTH_MAX: usize = 2_048;
/// Most findings that ValidateStateMachineDefinition returns (AWS: 100).
pub const DIAGNOSTICS_MAX: usize = 100;
/// Most pages of the local views read for one page of a list, so that stale entries can't make a request endless.
pub const LIST_ROUNDS_MAX: usize = 20;
/// Most requests of a node that wait for a change of an execution; past it 429.
pub const WATCHES_MAX: usize = 10_000;
/// Most streams of events that a node serves at a time; past it 429.
pub const STREAMS_MAX: usize = 2_000;
/// Longest `wait` of a description, seconds.
pub const WAIT_S_MAX: u64 = 60;
/// Longest wait at the owner before it is asked again; a stream says that it is alive after each.
pub const WAIT_ROUND: Duration = Duration::from_secs(10);
/// How often a waiting request looks whether its partition is still this node's.
pub const OWNER_LOOK_EVERY: Duration = Duration::from_millis(500);
/// Events of one page of a stream: what is read while the reader of the stream is slow.
pub const STREAM_PAGE: usize = 100;
/// Most versions of a machine (AWS: 1,000).
pub const VERSIONS_MAX: usize = 1_000;
/// Most aliases of a machine (AWS: 100).
pub const ALIASES_MAX: usize = 100;
/// Longest description of a version or alias, characters (AWS: 256).
pub const DESCRIPTION_LENGTH_MAX: usize = 256;
/// Most tags of a resource (AWS: 50).
pub const TAGS_MAX: usize = 50;
/// Longest key of a tag, characters (AWS: 128).
pub const TAG_KEY_LENGTH_MAX: usize = 128;
/// Longest value of a tag, characters (AWS: 256).
pub const TAG_VALUE_LENGTH_MAX: usize = 256;
/// How long GetActivityTask waits for a task. AWS holds a poll for 60 s, which is also the SDKs' time to read an answer.
pub const ACTIVITY_WAIT: Duration = Duration::from_secs(50);
/// How often the task queues are surveyed for metrics and rates.
pub const SURVEY_EVERY: Duration = Duration::from_secs(15);
/// How old a survey may be that answers a query.
pub const SURVEY_FRESH: Duration = Duration::from_secs(2);
/// Longest wait for the end of a synchronous execution: its five minutes, and what its owner may be busy with.
pub const SYNC_ANSWER_MAX: Duration = Duration::from_secs(330);
