//! The children of a function: as many as invocations run at a time.
//!
//! Owns: which child gets an invocation. How many there can be is bounded by the queue's concurrency.

use crate::answer::Report;
use crate::function::Options;
use crate::invocation::Invocation;
use crate::sandbox::{Ended, Sandbox};
use std::sync::{Mutex, PoisonError};
use tracing::Span;

/// Idle children; those at work belong to their invocation and die with it.
pub struct Pool {
    options: Options,
    idle: Mutex<Vec<Sandbox>>,
}

impl Pool {
    /// An empty pool: children are started when they are first needed.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            idle: Mutex::default(),
        }
    }

    /// Runs an invocation on an idle child, or on a new one. If this future is dropped, the child is killed.
    ///
    /// # Errors
    /// The command can't be started.
    pub async fn invoke(&self, invocation: &Invocation, span: &Span) -> std::io::Result<Report> {
        loop {
            let mut sandbox = match self.take() {
                Some(idle) => idle,
                None => Sandbox::start(&self.options).await?,
            };
            let ended = sandbox
                .invoke(invocation.clone(), self.options.timeout, span)
                .await;
            if sandbox.is_usable() {
                self.idle().push(sandbox);
            }
            // Only a child that has worked before can end so: each round uses one up.
            if let Ended::Reported(report) = ended {
                return Ok(report);
            }
        }
    }

    fn take(&self) -> Option<Sandbox> {
        let mut idle = self.idle();
        while let Some(sandbox) = idle.pop() {
            if sandbox.is_usable() {
                return Some(sandbox);
            }
        }
        None
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Sandbox>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
