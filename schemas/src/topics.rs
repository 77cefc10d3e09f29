//! Names of topics, each built in one place from the configurable prefix.

use std::sync::Arc;

/// Default prefix of every topic, group and instance id.
pub const PREFIX_DEFAULT: &str = "baton.";

/// The names of the fixed topics under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// The prefix itself.
    pub prefix: Arc<str>,
    /// Completions of tasks.
    pub completions: Arc<str>,
    /// Starts and stops by record.
    pub requests: Arc<str>,
    /// The write-ahead log.
    pub history: Arc<str>,
    /// Definitions.
    pub registry: Arc<str>,
    /// Who owns what, a hint.
    pub nodes: Arc<str>,
    /// Cancellations, for workers.
    pub control: Arc<str>,
    /// Records that can't be used.
    pub dead_letter: Arc<str>,
}

impl Topics {
    /// The names under `prefix`, such as `baton.`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let name = |rest: &str| Arc::from(format!("{prefix}{rest}"));
        Self {
            prefix: prefix.into(),
            completions: name("completions"),
            requests: name("requests"),
            history: name("history"),
            registry: name("registry"),
            nodes: name("nodes"),
            control: name("control"),
            dead_letter: name("dead-letter"),
        }
    }

    /// The topic of a task queue.
    #[must_use]
    pub fn commands(&self, queue: &str) -> String {
        format!("{}commands.{}", self.prefix, escape(queue))
    }
}

/// Writes `queue` with characters that Kafka allows in a topic name: others become `_` and two hexadecimal digits a byte.
#[must_use]
pub fn escape(queue: &str) -> String {
    let mut out = String::with_capacity(queue.len());
    for byte in queue.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => out.push(char::from(byte)),
            b'_' => out.push('_'),
            other => out.push_str(&format!("_{other:02x}")),
        }
    }
    out
}
