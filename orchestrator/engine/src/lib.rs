//! The engine: owns partitions and advances their executions. Sans-IO.
//!
//! Owns: the partition owner ([`Owner`]) with the rules R1 to R14 (see ARCHITECTURE.md), the fold of the history, the
//! registry's compare-and-set, and the ports that the outside implements. Must not: know Kafka's client, HTTP, files,
//! threads or clocks. The outside tells an owner what happened ([`Input`]) and what time it is; the owner answers with
//! what to do ([`Action`]). The simulation drives the very same code.

pub mod attributes;
pub mod call;
pub mod definitions;
pub mod limits;
pub mod owner;
pub mod ports;
pub mod recall;
pub mod registry;
pub mod search;
pub mod views;

/// Queue of what distributed Maps have read and written: served by the node itself, it has no topic.
pub use baton_machine::MAP_IO;
pub use call::{Call, CallError, CallId, Calls, Reply};
pub use definitions::{Definition, Definitions};
pub use owner::{Owner, reports};
pub use ports::{Action, Appended, Input, InputRecord, Outbound, Settings};
pub use views::{Applied, Change, Checkpoint, Checkpoints, ViewWriter, Views};
