//! Runs AWS Lambda functions as a worker: one function, its commands from queue `lambda.<function>`.
//!
//! Owns: the Lambda Runtime API (version 2018-06-01) towards child processes, one port for each, and what Step Functions
//! makes of a function's answer. So a function made for AWS runs unchanged under AWS's own runtime interface client.
//! Must not: know Kafka; that is the worker library's.
//!
//! The way of a command: [`function`] makes an [`invocation`] of it, [`pool`] gives it a [`sandbox`] (a child process and
//! its [`runtime_api`]), and [`answer`] turns the report that comes back into the task's outcome.

pub mod limits;

mod answer;
mod function;
mod invocation;
mod log;
mod pool;
mod runtime_api;
mod sandbox;

pub use function::{Function, Options};
