//! What a queue's runner knows of tasks: those that run, those that have just finished, those cancelled early.

use super::recent::Recent;
use crate::limits::CANCELLED_MAX;
use crate::outlet::Receipt;
use crate::task::Task;
use baton_schemas::TaskToken;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use tokio::task::AbortHandle;

/// The tasks of one queue, by token.
#[derive(Default)]
pub struct Book {
    running: FxHashMap<TaskToken, Running>,
    cancelled: FxHashSet<TaskToken>,
    cancelled_order: VecDeque<TaskToken>,
    /// Finished tasks.
    pub recent: Recent,
}

struct Running {
    task: Task,
    receipt: Receipt,
    abort: Option<AbortHandle>,
}

impl Book {
    /// Adds a repeated command to its running task; gives the receipt back if there is none.
    pub fn join(&mut self, token: &TaskToken, repeat: Receipt) -> Result<(), Receipt> {
        match self.running.get_mut(token) {
            Some(running) => {
                running.receipt.join(repeat);
                Ok(())
            }
            None => Err(repeat),
        }
    }

    /// Notes that a handler goes on beside the polling thread.
    pub fn begin(&mut self, task: Task, receipt: Receipt) {
        // A cancellation may have come while the handler was polled the first time.
        if self.was_cancelled(task.token()) {
            task.cancel();
        }
        self.running.insert(
            task.token().clone(),
            Running {
                task,
                receipt,
                abort: None,
            },
        );
    }

    /// Notes how to stop it; it may have ended already.
    pub fn started(&mut self, token: &TaskToken, abort: AbortHandle) {
        if let Some(running) = self.running.get_mut(token) {
            running.abort = Some(abort);
        }
    }

    /// Takes an ended task out.
    pub fn end(&mut self, token: &TaskToken) -> Option<Receipt> {
        self.running.remove(token).map(|running| running.receipt)
    }

    /// Flags a running task, or remembers the token in case its command is still to come.
    pub fn cancel(&mut self, token: &TaskToken) {
        if let Some(running) = self.running.get(token) {
            return running.task.cancel();
        }
        if self.recent.get(token).is_none() && self.cancelled.insert(token.clone()) {
            self.cancelled_order.push_back(token.clone());
            if self.cancelled_order.len() > CANCELLED_MAX
                && let Some(oldest) = self.cancelled_order.pop_front()
            {
                self.cancelled.remove(&oldest);
            }
        }
    }

    /// Whether a cancellation of `token` has come.
    pub fn was_cancelled(&self, token: &TaskToken) -> bool {
        !self.cancelled.is_empty() && self.cancelled.contains(token)
    }

    /// Stops everything that runs; the receipts are dropped unsettled.
    pub fn abort_all(&mut self) {
        for (_, running) in self.running.drain() {
            if let Some(abort) = running.abort {
                abort.abort();
            }
        }
    }
}
