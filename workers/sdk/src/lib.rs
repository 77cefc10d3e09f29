//! The worker library: consumes commands of task queues, runs handlers, produces completions.
//!
//! Owns: everything between a command record and its completion record: concurrency, out-of-order completion with
//! contiguous offset commits, repeats, heartbeats, cancellation, deadlines, drain, poison records, trace context.
//! Must not: depend on the orchestrator; the contract is `baton-schemas` alone, so that a worker in any other
//! language is worth the same (docs/workers.md).
//!
//! The way of a command: [`kafka`] polls it, [`runner`] decides what to do with it and drives the handler, the
//! [`outlet`] sends the completion, and its acknowledgement settles the command's offset in [`offsets`].

pub mod limits;
pub mod testing;

mod batch;
mod builder;
mod error;
mod handler;
#[cfg(feature = "inbox")]
mod inbox;
mod kafka;
mod metrics;
mod offsets;
#[cfg(feature = "otel")]
pub mod otel;
mod outlet;
mod runner;
mod signal;
mod starter;
mod task;
mod trace;
#[cfg(feature = "schema")]
mod typed;
mod worker;

pub use batch::BatchOptions;
pub use baton_schemas::{Payload, TaskToken};
pub use builder::WorkerBuilder;
pub use error::{TaskError, WorkerError};
pub use handler::{Answer, Handler, Output};
#[cfg(feature = "inbox")]
pub use inbox::{INBOX_FAILED, Inbox};
pub use metrics::{Counts, Metrics};
#[cfg(feature = "inbox")]
pub use rusqlite;
pub use starter::Starter;
pub use task::Task;
pub use worker::Worker;
