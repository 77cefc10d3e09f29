//! Bindings: a record on a topic starts an execution.
//!
//! Owns: reading a bound topic in a consumer group of the binding's own, turning each record into a start request on the
//! requests topic, and committing a position only when the requests up to it are durable. Must not: start anything
//! itself, or look into records further than that they are JSON.
//!
//! The execution's name follows from the record's position, so a record that is read again is the same start. Each
//! binding has a thread and a group: one that is slow or wrong delays only itself.

mod decide;
mod first;
mod run;

use crate::config::Config;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Which records start which machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Name: of the consumer group, with the prefix and `binding.` before it.
    pub name: Arc<str>,
    /// Topic to read.
    pub topic: Arc<str>,
    /// Where to begin the first time.
    pub from: Begin,
    /// ARN of the state machine.
    pub machine: Arc<str>,
}

/// Where a binding begins when it is new; later it goes on where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest record that the topic still has.
    Beginning,
    /// With the first record after the binding was first read.
    End,
}

/// A binding at work. Ends when dropped; [`Self::stop`] also waits for that.
pub struct Bound {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bound {
    /// Starts the thread. `partitions` is the number of partitions N of the requests topic.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(config: &Config, partitions: i32, binding: Binding) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let reader = run::Reader::new(config.clone(), partitions, binding, stop.clone());
        let thread = std::thread::Builder::new()
            .name("baton-binding".to_owned())
            .spawn(move || reader.run())?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends the binding: what it has read is started and committed first. Blocks for a tenth of a second, longer while
    /// no broker answers.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a binding ended by a panic");
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}
