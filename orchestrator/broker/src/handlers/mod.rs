//! What requests mean: each handler takes a decoded request and gives the response to it.
//!
//! Owns: Kafka's semantics of each request and the error codes. Must not: read or write bytes of the network, or keep
//! state; that is with the log and the coordinator.

mod broker_settings;
pub(crate) mod cluster;
pub(crate) mod commits;
mod config_edit;
pub(crate) mod configs;
mod errors;
pub(crate) mod fetch;
pub(crate) mod groups;
pub(crate) mod membership;
pub(crate) mod offsets;
pub(crate) mod partitions;
pub(crate) mod produce;
pub(crate) mod producers;
pub(crate) mod topics;
