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
/// Longest `where`, bytes.
pub const WHERE_LENGTH_MAX: usize = 2_000;
/// Most conditions of a filter about errors and search attributes.
pub const CONDITIONS_MAX: usize = 20;
/// Most saved views of a cluster.
pub const SAVED_VIEWS_MAX: usize = 1_000;
/// Most jobs that are remembered; the oldest that have ended make room for new ones.
pub const JOBS_MAX: usize = 1_000;
/// Most jobs of a cluster that run at a time.
pub const JOBS_RUNNING_MAX: usize = 20;
/// Executions a second of a job that asks for no other rate.
pub const JOB_PER_SECOND_DEFAULT: u32 = 50;
/// Most executions a second of a job.
pub const JOB_PER_SECOND_MAX: u32 = 1_000;
/// Executions that a job is busy with at a time.
pub const JOB_CONCURRENCY: usize = 8;
/// Executions that a job counts before it begins, at most.
pub const JOB_COUNT_MAX: u64 = 100_000;
/// Failures that a job remembers with their reasons.
pub const JOB_FAILURES_MAX: usize = 20;
/// How often a job writes down how far it is.
pub const JOB_SAVE_EVERY: Duration = Duration::from_secs(2);
/// How often a node looks for jobs that are its own, and a job looks again at what stands in its way.
pub const JOBS_LOOK_EVERY: Duration = Duration::from_secs(1);
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
/// Most memory for what became effective lately, bytes: how far a stream of many executions can be behind.
pub const RECENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a step that is kept costs in memory besides its JSON, bytes (an estimate).
pub const RECENT_OVERHEAD_BYTES: usize = 128;
/// Most changes that a filter is held against in one go.
pub const CHANGES_EXAMINED: usize = 500;
/// Longest id of an event of a stream of many executions: a partition and an offset for each of about 300.
pub const EVENT_ID_LENGTH_MAX: usize = 8_192;
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
