//! What distributed Maps have read and written, done by the node that owns the parent.
//!
//! Owns: a few threads that serve the commands of `inside.map-io`. The answer is a completion on the completions topic; only
//! when that is acknowledged is the command's effect done, so after a crash the next owner asks again. Must not: know what
//! is read (that is behind [`MapIo`]).

use crate::inbox::Inbox;
use crate::producer::{Sender, Tag, To};
use baton_schemas::history::Failure;
use baton_schemas::{Command, Completion, Outcome, Payload};
use crossbeam_channel::Receiver;
use std::sync::Arc;

/// Reads items and writes results, as the request says. Blocks.
pub type MapIo = dyn Fn(&Payload) -> Result<Payload, Failure> + Send + Sync;

/// One thing to read or write.
pub struct Job {
    /// The owner that asks.
    pub partition: i32,
    /// Its send.
    pub id: u64,
    /// What is asked.
    pub command: Command,
}

/// See the module.
pub struct MapIoServer {
    /// What is asked, in order; `None` ends the server.
    pub jobs: Receiver<Option<Job>>,
    /// Where answers are sent.
    pub effects: Sender,
    /// Reads and writes.
    pub serve: Arc<MapIo>,
    /// Of the driver.
    pub inbox: Arc<Inbox>,
}

impl MapIoServer {
    /// Serves until told to stop.
    pub fn run(mut self) {
        while let (Ok(Some(job)), false) = (self.jobs.recv(), self.inbox.is_closed()) {
            let Job {
                partition,
                id,
                command,
            } = job;
            let outcome = match (self.serve)(&command.input) {
                Ok(answer) => Outcome::Succeeded(answer),
                Err(failure) => Outcome::Failed(failure),
            };
            let completion = Completion {
                token: command.token,
                outcome,
                traceparent: command.traceparent,
            };
            let to = To {
                topic: &command.reply_topic,
                partition: Some(command.reply_partition),
            };
            let tag = Tag::Owner { partition, id };
            self.effects.send_outgoing(to, &completion, tag);
        }
    }
}

/// For a node that reads and writes nothing.
///
/// # Errors
/// Always.
pub fn nothing(_request: &Payload) -> Result<Payload, Failure> {
    Err(Failure {
        error: Some("States.ItemReaderFailed".into()),
        cause: Some("this node reads no items and writes no results".into()),
    })
}
