//! What the API needs of its surroundings beyond the engine's ports; the Kafka adapter implements it.

use std::sync::Arc;

/// Who owns which partition, and how this node is.
pub trait Cluster: Send + Sync {
    /// Number of partitions N of history, completions and requests.
    fn partitions(&self) -> i32;

    /// Whether this node owns the partition and has caught up on it.
    fn owns(&self, partition: i32) -> bool;

    /// Base URL of the node that is said to own the partition: a hint. `None` if nobody has said so.
    fn owner_url(&self, partition: i32) -> Option<Arc<str>>;

    /// Why this node is not ready, in words; empty when it is.
    fn not_ready(&self) -> Vec<String>;

    /// Figures for `/metrics`; names are listed in [`crate::metrics`].
    fn gauges(&self) -> Vec<Gauge> {
        Vec::new()
    }
}

/// Makes the topics of task queues.
pub trait Queues: Send + Sync {
    /// Sees to it that the topics of these queues exist; `answer` is called once, with what is wrong if they can't.
    fn ensure(&self, queues: Vec<Arc<str>>, answer: Box<dyn FnOnce(Result<(), String>) + Send>);
}

/// One figure for `/metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// Name with unit, beginning with `baton_`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: GaugeKind,
    /// Its value.
    pub value: f64,
}

/// Kind of a figure in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaugeKind {
    /// Goes up and down.
    Gauge,
    /// Only grows until the process ends.
    Counter,
}
