//! The engine on Kafka: the only crate of the orchestrator that knows the client.
//!
//! Owns: topics and their settings, group membership, reading of inputs, appending and sending, the threads that drive
//! the owners, and what the rest of the process sees of all that ([`RuntimeHandle`]). Must not: decide anything about
//! executions; that is the engine's, which knows nothing of this crate.
//!
//! ```text
//! membership ─ assigned, revoked ─┐                       ┌─► history producer ─┐
//! completions reader ─ records ───┤                       ├─► effects producer ─┤ delivery reports
//! requests reader ─ records ──────┼─► inbox ─► driver ────┤                     └───────► inbox
//! history readers, asker, registry┤   (one)   (one thread,├─► views
//! API calls ──────────────────────┘            all owners)└─► answers
//! ```
//! The driver is one thread, so owners need no lock; whoever talks to it does so through the one inbox. What the driver
//! asks of others goes through mailboxes that never block it.

pub mod activities;
mod asker;
pub mod binding;
mod block_on;
mod chores;
mod client;
pub mod config;
mod decode;
mod driver;
mod feed;
mod handle;
mod history_reader;
mod inbox;
pub mod limits;
mod lookout;
mod mailbox;
pub mod map_io;
pub mod measures;
mod membership;
pub mod metrics;
pub mod migrate;
mod nodes;
mod perform;
mod producer;
mod publish;
mod reader;
mod registry_io;
mod rejects;
mod report;
mod runtime;
mod status;
pub mod survey;
pub mod topics;

pub use config::Config;
pub use handle::RuntimeHandle;
pub use publish::{PublishError, publish};
pub use runtime::{Ports, Runtime, StartError};
pub use status::Readiness;
