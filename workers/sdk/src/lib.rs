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

mod builder;
mod error;
mod handler;
mod kafka;
mod offsets;
#[cfg(feature = "otel")]
pub mod otel;
mod outlet;
mod runner;
mod signal;
mod starter;
mod task;
mod trace;
mod worker;

pub use baton_schemas::{Payload, TaskToken};
pub use builder::WorkerBuilder;
pub use error::{TaskError, WorkerError};
pub use handler::{Handler, Output};
pub use starter::Starter;
pub use task::Task;
pub use worker::Worker;
