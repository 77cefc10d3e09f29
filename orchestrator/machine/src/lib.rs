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
//!
//! Reading path: [`Execution`] (`execution`), what can happen (`stimulus`), the loop (`decide`), what each state type
//! does (`states`), how a state ends or fails (`flow`, `failing`), how events change memory (`apply`).

mod apply;
pub mod aws_history;
mod children;
mod context;
mod data;
mod decide;
mod effect;
mod errors;
mod execution;
mod failing;
mod flow;
mod frame;
mod interventions;
pub mod limits;
pub mod logging;
mod map_run;
mod nested;
mod pause;
pub mod redrive;
mod retry;
mod states;
mod stimulus;
pub mod test_state;
mod timers;

pub use baton_language::resource::MAP_IO;
pub use effect::{ChildStart, Closing, Effect, Status, Step, TaskCommand};
pub use execution::{Execution, Limits, Start};
pub use map_run::{MapRunBounds, MapRunCounts, MapRunStatus};
pub use stimulus::Stimulus;
