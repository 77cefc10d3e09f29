//! The contract that orchestrator and workers share: records, topics and identifiers.
//!
//! Owns: every record type that crosses Kafka, how it is laid out in key, headers and value, the names of topics,
//! and the partition a key belongs to. Must not: talk to Kafka, hold workflow logic, or depend on any other crate
//! of this workspace. A change here is a change of the wire format: it needs a new version in `ce_type` or in the
//! record's `v`, and a golden test that the old form still reads (docs/wire-contract.md).

pub mod arn;
pub mod asyncapi;
pub mod cloudevents;
pub mod command;
pub mod completion;
pub mod control;
pub mod dead_letter;
pub mod decimal;
pub mod execution_closed;
pub mod execution_log;
mod headers;
pub mod history;
mod json_check;
pub mod json_schema;
pub mod node;
pub mod parent;
pub mod partition;
pub mod payload;
pub mod record;
pub mod record_kinds;
pub mod registry;
pub mod request;
mod structured;
pub mod time;
pub mod token;
pub mod topics;
pub mod trace;

pub use command::Command;
pub use completion::{Completion, Outcome};
pub use control::Control;
pub use dead_letter::DeadLetter;
pub use execution_log::ExecutionLog;
pub use payload::Payload;
pub use record::{Record, RecordView, WireError};
pub use request::Request;
pub use token::TaskToken;
pub use trace::TraceContext;
