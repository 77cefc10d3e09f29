//! One execution as a pure machine: stimulus and time in, events and effects out. PURE.
//!
//! Owns: what an execution's state is ([`Execution`]), how it decides ([`Execution::handle`]) and how an event changes
//! it ([`Execution::apply`]). Deciding writes events, and every event is applied the moment it is written, by the same
//! code that replay uses; so a replayed execution equals the one that decided. Must not: read a clock, use randomness,
//! do I/O, or use unordered maps. Time is an argument; jitter is seeded by execution and event id.
//!
//! ```text
//! handle(stimulus, now) -> [Event] -> apply(event, now) -> state + [Effect]
//!                           (history)                       (memory)  (outbox)
//! ```

pub mod aws_history;
mod execution;
pub mod limits;

pub use execution::{Closing, Effect, Execution, Limits, Start, Status, Step, Stimulus, TaskCommand};
