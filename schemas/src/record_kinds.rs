//! Every kind of record, with its topic, key, headers and value, as data.
//!
//! Owns: the table that the JSON Schemas and the AsyncAPI document are written from, so that they say the same as the
//! types; `tests/contract` holds the types and the examples against it. Must not: be used to read or write records.

use crate::cloudevents as ce;

/// One kind of record.
#[derive(Clone, Copy, Debug)]
pub struct RecordKind {
    /// Short name, also of its schema files.
    pub name: &'static str,
    /// Topic behind the prefix.
    pub topic: &'static str,
    /// Who produces it.
    pub from: Party,
    /// Whether the orchestrator reads it.
    pub read: bool,
    /// What it is.
    pub summary: &'static str,
    /// What the key holds.
    pub key: &'static str,
    /// The headers; more may be there.
    pub headers: &'static [Header],
    /// What the value holds.
    pub value: ValueForm,
}

/// Who produces a kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Only the orchestrator.
    Orchestrator,
    /// Workers.
    Worker,
    /// Applications, neither orchestrator nor worker.
    Application,
    /// Whoever likes, the orchestrator too.
    Anyone,
}

/// One header.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// Whether a reader refuses the record without it.
    pub required: bool,
    /// What its text looks like.
    pub form: HeaderForm,
    /// What it says.
    pub description: &'static str,
}

/// What the text of a header looks like.
#[derive(Clone, Copy, Debug)]
pub enum HeaderForm {
    /// Always this.
    Const(&'static str),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Any text, not empty.
    Text,
    /// A task token.
    Token,
    /// A whole number, from 0.
    Number,
    /// RFC 3339.
    Time,
    /// ARN of a state machine.
    MachineArn,
}

/// What a value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueForm {
    /// Any JSON.
    Json(&'static str),
    /// `{"error", "cause"}`, or nothing.
    Failure,
    /// `{"worker"}`, or nothing.
    TakenBy,
    /// [`crate::node::NodeAnnouncement`]
    Node,
    /// [`crate::registry::RegistryEntry`]
    Registry,
    /// [`crate::history::HistoryRecord`]
    History,
}

const fn required(name: &'static str, form: HeaderForm, description: &'static str) -> Header {
    Header {
        name,
        required: true,
        form,
        description,
    }
}

const fn optional(name: &'static str, form: HeaderForm, description: &'static str) -> Header {
    Header {
        name,
        required: false,
        form,
        description,
    }
}

const fn kind(ce_type: &'static str) -> Header {
    required(ce::TYPE, HeaderForm::Const(ce_type), "What the record is.")
}

const SPECVERSION: Header = optional(
    ce::SPECVERSION,
    HeaderForm::Const("1.0"),
    "Version of CloudEvents.",
);
const ID: Header = optional(
    ce::ID,
    HeaderForm::Text,
    "Id of the event; equal for a repeat of the same one.",
);
const SOURCE: Header = optional(
    ce::SOURCE,
    HeaderForm::Text,
    "Who says this, a URI reference.",
);
const TIME: Header = optional(ce::TIME, HeaderForm::Time, "When this was said.");
const CONTENT_TYPE: Header = optional(
    ce::CONTENT_TYPE,
    HeaderForm::Text,
    "Media type of the value.",
);
const TRACEPARENT: Header = optional(
    ce::TRACEPARENT,
    HeaderForm::Text,
    "W3C trace context; an unusable one is left out of account.",
);
const TOKEN: Header = optional(
    ce::TOKEN,
    HeaderForm::Token,
    "The task's token; where it is absent, the key counts.",
);

const COMPLETION_KEY: &str = "The task's token, which is the command's `ce_id`.";
const EXECUTION_KEY: &str = "ARN of the execution.";

/// Every kind of record.
pub const RECORD_KINDS: [RecordKind; 16] = [
    RecordKind {
        name: "command",
        topic: "commands.{queue}",
        from: Party::Orchestrator,
        read: false,
        summary: "One task for a worker. May come more than once, always with the same `ce_id`.",
        key: EXECUTION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_COMMAND),
            required(
                ce::ID,
                HeaderForm::Token,
                "The task's token: opaque, URL-safe, the same on every redelivery.",
            ),
            required(ce::SOURCE, HeaderForm::Text, "ARN of the execution."),
            required(ce::SUBJECT, HeaderForm::Text, "Name of the state."),
            optional(ce::TIME, HeaderForm::Time, "When the task was scheduled."),
            CONTENT_TYPE,
            optional(
                ce::ATTEMPT,
                HeaderForm::Number,
                "Number of the attempt, from 0.",
            ),
            optional(
                ce::DEADLINE,
                HeaderForm::Time,
                "After this a completion is too late.",
            ),
            optional(
                ce::HEARTBEAT,
                HeaderForm::Number,
                "Seconds within which the worker must send a heartbeat.",
            ),
            optional(
                ce::RESOURCE,
                HeaderForm::Text,
                "ARN of what the state calls; absent for a plain task queue, which says all.",
            ),
            required(
                ce::REPLY_TOPIC,
                HeaderForm::Text,
                "Topic that the completion goes to.",
            ),
            required(
                ce::REPLY_PARTITION,
                HeaderForm::Number,
                "Partition of that topic.",
            ),
            TRACEPARENT,
        ],
        value: ValueForm::Json("The task's input."),
    },
    RecordKind {
        name: "completion-succeeded",
        topic: "completions",
        from: Party::Worker,
        read: true,
        summary: "The task is done.",
        key: COMPLETION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_SUCCEEDED),
            ID,
            SOURCE,
            TOKEN,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Json("The task's output; nothing is as good as `{}`."),
    },
    RecordKind {
        name: "completion-failed",
        topic: "completions",
        from: Party::Worker,
        read: true,
        summary: "The task failed; the state's Retry and Catch decide what follows.",
        key: COMPLETION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_FAILED),
            ID,
            SOURCE,
            TOKEN,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Failure,
    },
    RecordKind {
        name: "completion-heartbeat",
        topic: "completions",
        from: Party::Worker,
        read: true,
        summary: "The task goes on; its heartbeat interval begins anew.",
        key: COMPLETION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_HEARTBEAT),
            ID,
            SOURCE,
            TOKEN,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Json("Progress, in a form of your own, or nothing."),
    },
    RecordKind {
        name: "completion-started",
        topic: "completions",
        from: Party::Worker,
        read: true,
        summary: "A worker took the task; the history of an activity shows it.",
        key: COMPLETION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_STARTED),
            ID,
            SOURCE,
            TOKEN,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::TakenBy,
    },
    RecordKind {
        name: "completion-submitted",
        topic: "completions",
        from: Party::Worker,
        read: true,
        summary: "What was called gave a first answer; the task goes on.",
        key: COMPLETION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_SUBMITTED),
            ID,
            SOURCE,
            TOKEN,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Json("The first answer; nothing is as good as `{}`."),
    },
    RecordKind {
        name: "request-start",
        topic: "requests",
        from: Party::Anyone,
        read: true,
        summary: "Start an execution. A repeat with the same name, machine and input is the same start.",
        key: EXECUTION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_START),
            ID,
            SOURCE,
            required(
                ce::SUBJECT,
                HeaderForm::Text,
                "Name of the execution, as in the key.",
            ),
            required(
                ce::STATE_MACHINE,
                HeaderForm::MachineArn,
                "ARN of the state machine, which the key must agree with.",
            ),
            optional(
                ce::REPLY_TOPIC,
                HeaderForm::Text,
                "Topic that the result is reported to.",
            ),
            optional(
                ce::REPLY_PARTITION,
                HeaderForm::Number,
                "Partition of that topic; needed with it.",
            ),
            optional(
                ce::PARENT,
                HeaderForm::Text,
                "The execution that starts this one, as JSON; written by the orchestrator for child executions alone.",
            ),
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Json("The execution's input; nothing is as good as `{}`."),
    },
    RecordKind {
        name: "request-stop",
        topic: "requests",
        from: Party::Anyone,
        read: true,
        summary: "Stop an execution.",
        key: EXECUTION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_STOP),
            ID,
            SOURCE,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Failure,
    },
    RecordKind {
        name: "execution-closed",
        topic: "{replyTopic}",
        from: Party::Orchestrator,
        read: false,
        summary: "The result of an execution, sent where its start asked for it.",
        key: EXECUTION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_EXECUTION_CLOSED),
            ID,
            required(ce::SOURCE, HeaderForm::Text, "ARN of the execution."),
            required(
                ce::SUBJECT,
                HeaderForm::OneOf(&crate::execution_closed::STATUSES),
                "How it ended.",
            ),
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Json("The output if it succeeded, else `{\"error\", \"cause\"}`."),
    },
    RecordKind {
        name: "execution-log",
        topic: "execution-logs",
        from: Party::Orchestrator,
        read: false,
        summary: "A logged event of an execution, as AWS writes it to CloudWatch Logs.",
        key: EXECUTION_KEY,
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_EXECUTION_LOG),
            ID,
            required(ce::SOURCE, HeaderForm::Text, "ARN of the execution."),
            CONTENT_TYPE,
        ],
        value: ValueForm::Json(
            "`{\"id\", \"type\", \"details\", \"previous_event_id\", \"event_timestamp\", \"execution_arn\", \"redrive_count\"}`; ids and times are texts.",
        ),
    },
    RecordKind {
        name: "control-cancelled",
        topic: "control",
        from: Party::Orchestrator,
        read: false,
        summary: "The task's result is no longer wanted; whichever worker has it may stop.",
        key: COMPLETION_KEY,
        headers: &[SPECVERSION, kind(ce::TYPE_CANCELLED), ID, SOURCE, TOKEN],
        value: ValueForm::Json("Nothing."),
    },
    RecordKind {
        name: "dead-letter",
        topic: "dead-letter",
        from: Party::Anyone,
        read: false,
        summary: "A record that can't be used, with its key, value and other headers as they were.",
        key: "The original key, if any.",
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_DEAD_LETTER),
            optional(
                ce::ORIGINAL_TYPE,
                HeaderForm::Text,
                "The `ce_type` that the record had.",
            ),
            required(
                ce::ORIGINAL_TOPIC,
                HeaderForm::Text,
                "Topic that the record was on.",
            ),
            required(ce::ORIGINAL_PARTITION, HeaderForm::Number, "Its partition."),
            required(ce::ORIGINAL_OFFSET, HeaderForm::Number, "Its offset."),
            required(
                ce::REASON,
                HeaderForm::Text,
                "What is wrong with it, in words.",
            ),
        ],
        value: ValueForm::Json("The original value, which need not be JSON."),
    },
    RecordKind {
        name: "history",
        topic: "history",
        from: Party::Orchestrator,
        read: true,
        summary: "The write-ahead log of executions. For reading only; it has no headers.",
        key: "ARN of the execution; none for records of the partition itself.",
        headers: &[],
        value: ValueForm::History,
    },
    RecordKind {
        name: "registry",
        topic: "registry",
        from: Party::Orchestrator,
        read: true,
        summary: "A definition and its revisions. For reading only.",
        key: "ARN of what is described.",
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_REGISTRY),
            ID,
            SOURCE,
            SUBJECT_ARN,
            TIME,
            CONTENT_TYPE,
        ],
        value: ValueForm::Registry,
    },
    RecordKind {
        name: "node",
        topic: "nodes",
        from: Party::Orchestrator,
        read: true,
        summary: "Who owns a partition: a hint for routing, never a proof.",
        key: "Number of the partition, in decimal.",
        headers: &[
            SPECVERSION,
            kind(ce::TYPE_NODE),
            ID,
            SOURCE,
            SUBJECT_NODE,
            TIME,
            CONTENT_TYPE,
        ],
        value: ValueForm::Node,
    },
    RecordKind {
        name: "event",
        topic: "events.{bus}",
        from: Party::Application,
        read: false,
        summary: "An event on a bus: any CloudEvent. The topic's name is reserved; this version does not read it.",
        key: "Partition key, or the event's id.",
        headers: &[
            required(
                ce::SPECVERSION,
                HeaderForm::Const("1.0"),
                "Version of CloudEvents.",
            ),
            required(
                ce::TYPE,
                HeaderForm::Text,
                "The event's type, such as `com.example.order.paid`.",
            ),
            required(
                ce::ID,
                HeaderForm::Text,
                "Id of the event; equal for a repeat of the same one.",
            ),
            required(
                ce::SOURCE,
                HeaderForm::Text,
                "Where it happened, a URI reference.",
            ),
            optional(ce::SUBJECT, HeaderForm::Text, "What it happened to."),
            TIME,
            CONTENT_TYPE,
            TRACEPARENT,
        ],
        value: ValueForm::Json("The event's data."),
    },
];

const SUBJECT_ARN: Header = optional(ce::SUBJECT, HeaderForm::Text, "The ARN again.");
const SUBJECT_NODE: Header = optional(ce::SUBJECT, HeaderForm::Text, "Name of the node.");

impl RecordKind {
    /// The `ce_type` of such records; `None` where they have none of their own.
    #[must_use]
    pub fn ce_type(&self) -> Option<&'static str> {
        self.headers.iter().find_map(|header| match header.form {
            HeaderForm::Const(ce_type) if header.name == ce::TYPE => Some(ce_type),
            _ => None,
        })
    }
}
