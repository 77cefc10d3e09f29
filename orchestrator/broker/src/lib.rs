//! The embedded broker: one node that speaks Kafka's protocol and keeps its records on the local disk.
//!
//! Owns: the durable log of all topics ([`log`]) and the server in front of it. Must not: know anything of Baton, or
//! pretend to be a cluster; transactions, replication and ACLs are refused, never half done.
//!
//! ```text
//! bytes ─► server ─► handlers ─┬─► log          topics, records, offsets of records
//!                              └─► coordinator ─► group   members, generations; offsets of consumers, kept in the log
//! ```
//!
//! [`server::serve`] starts it in the process that calls.

pub mod log;
pub mod server;

mod coordinator;
mod group;
mod handlers;
