//! CloudEvents 1.0 over Kafka: header names and the types of our records, each written once.
//!
//! Source: CloudEvents Kafka protocol binding 1.0.2, binary content mode. Extension names are lower-case alphanumeric.

/// `ce_specversion`, always `1.0`.
pub const SPECVERSION: &str = "ce_specversion";
/// `ce_id`
pub const ID: &str = "ce_id";
/// `ce_source`
pub const SOURCE: &str = "ce_source";
/// `ce_type`
pub const TYPE: &str = "ce_type";
/// `ce_subject`
pub const SUBJECT: &str = "ce_subject";
/// `ce_time`, RFC 3339.
pub const TIME: &str = "ce_time";
/// `content-type`
pub const CONTENT_TYPE: &str = "content-type";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// Token of the task (completions, control).
pub const TOKEN: &str = "ce_batontoken";
/// Attempt number, from 0.
pub const ATTEMPT: &str = "ce_batonattempt";
/// RFC 3339 time after which a completion is too late.
pub const DEADLINE: &str = "ce_batondeadline";
/// Seconds within which the worker must send a heartbeat.
pub const HEARTBEAT: &str = "ce_batonheartbeat";
/// ARN of the resource that a task calls, where its queue does not say all.
pub const RESOURCE: &str = "ce_batonresource";
/// Topic that the completion goes to, or the result of an execution started by a record.
pub const REPLY_TOPIC: &str = "ce_batonreplytopic";
/// Partition of that topic.
pub const REPLY_PARTITION: &str = "ce_batonreplypartition";
/// ARN of the state machine to start.
pub const STATE_MACHINE: &str = "ce_batonstatemachine";
/// Who started the execution, if another one did: JSON, see [`crate::parent::Parent`].
pub const PARENT: &str = "ce_batonparent";
/// Error name (stop requests, results).
pub const ERROR: &str = "ce_batonerror";
/// Original topic of a dead letter.
pub const ORIGINAL_TOPIC: &str = "ce_batonoriginaltopic";
/// `ce_type` that a dead letter had.
pub const ORIGINAL_TYPE: &str = "ce_batonoriginaltype";
/// Original partition of a dead letter.
pub const ORIGINAL_PARTITION: &str = "ce_batonoriginalpartition";
/// Original offset of a dead letter.
pub const ORIGINAL_OFFSET: &str = "ce_batonoriginaloffset";
/// Why a record is dead.
pub const REASON: &str = "ce_batonreason";

/// Value of [`SPECVERSION`].
pub const SPECVERSION_1_0: &[u8] = b"1.0";
/// Value of [`CONTENT_TYPE`] for JSON.
pub const JSON: &[u8] = b"application/json";
/// Value of [`CONTENT_TYPE`] of a record in structured mode, perhaps with parameters.
pub const STRUCTURED_JSON: &[u8] = b"application/cloudevents+json";
/// Value of [`SOURCE`] of what the orchestrator says for itself and not for an execution.
pub const SOURCE_ORCHESTRATOR: &[u8] = b"urn:baton:orchestrator";
/// Value of [`SOURCE`] of what a worker says; workers of your own may name themselves.
pub const SOURCE_WORKER: &[u8] = b"urn:baton:worker";

/// `ce_type` of a command.
pub const TYPE_COMMAND: &str = "baton.task.command.v1";
/// `ce_type` of a completion that succeeded.
pub const TYPE_SUCCEEDED: &str = "baton.task.succeeded.v1";
/// `ce_type` of a completion that failed.
pub const TYPE_FAILED: &str = "baton.task.failed.v1";
/// `ce_type` of a heartbeat.
pub const TYPE_HEARTBEAT: &str = "baton.task.heartbeat.v1";
/// `ce_type` of a worker's word that it took an activity's task.
pub const TYPE_STARTED: &str = "baton.task.started.v1";
/// `ce_type` of the first answer of a task that goes on.
pub const TYPE_SUBMITTED: &str = "baton.task.submitted.v1";
/// `ce_type` of a cancellation.
pub const TYPE_CANCELLED: &str = "baton.task.cancelled.v1";
/// `ce_type` of a request to start an execution.
pub const TYPE_START: &str = "baton.execution.start.v1";
/// `ce_type` of a request to stop an execution.
pub const TYPE_STOP: &str = "baton.execution.stop.v1";
/// `ce_type` of the result of an execution, sent where its start asked for it.
pub const TYPE_EXECUTION_CLOSED: &str = "baton.execution.closed.v1";
/// `ce_type` of a logged event of an execution.
pub const TYPE_EXECUTION_LOG: &str = "baton.execution.log.v1";
/// `ce_type` of a dead letter.
pub const TYPE_DEAD_LETTER: &str = "baton.deadletter.v1";
/// `ce_type` of a node's announcement.
pub const TYPE_NODE: &str = "baton.node.v1";
/// `ce_type` of a registry entry.
pub const TYPE_REGISTRY: &str = "baton.registry.v1";

/// Every `ce_type` of this contract.
pub const TYPES: [&str; 14] = [
    TYPE_COMMAND,
    TYPE_SUCCEEDED,
    TYPE_FAILED,
    TYPE_HEARTBEAT,
    TYPE_STARTED,
    TYPE_SUBMITTED,
    TYPE_CANCELLED,
    TYPE_START,
    TYPE_STOP,
    TYPE_EXECUTION_CLOSED,
    TYPE_EXECUTION_LOG,
    TYPE_DEAD_LETTER,
    TYPE_NODE,
    TYPE_REGISTRY,
];
