//! Turns tasks into HTTP calls: Step Functions' HTTP Task (`arn:aws:states:::http:invoke`), and task queues that are bound
//! to a URL.
//!
//! Owns: requests from parameters or templates, authorisation by named connections, which addresses may be reached, and
//! what the workflow sees of the answer. Must not: try again (the state's `Retry` does), or know Kafka.
//!
//! The way of a command: [`invoke`] or [`bound`] makes a [`request`] of it, [`connection`] authorises it, [`guard`] says
//! where it may go, [`call`] sends it and follows redirects, [`response`] makes the output or the error.

pub mod config;
pub mod limits;

mod bound;
mod call;
mod connection;
mod encode;
mod guard;
mod invoke;
mod request;
mod response;
mod template;

pub use call::Caller;
pub use config::Config;

/// The queue of `arn:aws:states:::http:invoke`.
pub const QUEUE: &str = "aws-sdk.http";
