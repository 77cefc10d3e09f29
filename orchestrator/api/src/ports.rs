//! What the API needs of its surroundings beyond the engine's ports; the Kafka adapter implements it.

use std::sync::Arc;
use std::time::Duration;

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

    /// Figures for `/metrics`, beside those of HTTP. Each is described in docs/operations.md.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
}

/// A task that was taken off its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its token.
    pub token: Arc<str>,
    /// Its input, JSON text.
    pub input: String,
}

/// Why no task could be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeError {
    /// This many wait for the queue's tasks, and more may not.
    TooMany(usize),
    /// The queue can't be read, in words.
    Unavailable(String),
}

/// Called once with the task, or `None` when there was none in time; says whether the one who asked still listens.
pub type TakeAnswer = Box<dyn FnOnce(Result<Option<Taken>, TakeError>) -> bool + Send>;

/// A task queue and who consumes it, as the brokers know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Partitions of the topic: how many workers can share it.
    pub partitions: usize,
    /// Records that the topic ever had.
    pub end: i64,
    /// Groups that consume it, by name.
    pub groups: Vec<GroupState>,
}

/// A consumer group of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Its name.
    pub name: String,
    /// Records that it has not committed.
    pub lag: i64,
    /// Sum of its positions: grows with what it has done.
    pub done: i64,
    /// Its members: what they call themselves, where they are, how many partitions of the queue they have.
    pub members: Vec<(String, String, usize)>,
}

/// Makes the topics of task queues, and takes tasks off them for those who can't.
pub trait Queues: Send + Sync {
    /// Takes the next task off a queue, waiting for one up to `patience`. A task counts as taken once `answer` was told
    /// of it and has said that somebody listens; a crash in between hands it out again.
    fn take(&self, queue: Arc<str>, patience: Duration, answer: TakeAnswer);

    /// All queues and who consumes them. Blocks.
    ///
    /// # Errors
    /// Why that can't be said, in words.
    fn survey(&self) -> Result<Vec<QueueState>, String> {
        Ok(Vec::new())
    }

    /// Sees to it that the topics of these queues exist; `answer` is called once, with what is wrong if they can't.
    fn ensure(&self, queues: Vec<Arc<str>>, answer: Box<dyn FnOnce(Result<(), String>) + Send>);
}

/// One figure for `/metrics`: a metric family in Prometheus' words.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name with unit, beginning with `baton_` or `process_`; one that only grows ends in `_total`.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// What kind of figure.
    pub kind: FigureKind,
    /// Its values, by labels.
    pub samples: Vec<Sample>,
}

/// One value of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What follows the figure's name: nothing, or a histogram's `_bucket`, `_sum`, `_count`.
    pub suffix: &'static str,
    /// Labels: few values each, never ids.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// Kind of a figure in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// Goes up and down.
    Gauge,
    /// Only grows until the process ends.
    Counter,
    /// Durations or sizes by upper bound.
    Histogram,
}

impl Figure {
    /// A figure that goes up and down.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Self::labelled(name, help, FigureKind::Gauge, [(Vec::new(), value)])
    }

    /// A figure that only grows.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::labelled(
            name,
            help,
            FigureKind::Counter,
            [(Vec::new(), value as f64)],
        )
    }

    /// A figure with a value for each set of labels.
    #[must_use]
    pub fn labelled(
        name: &'static str,
        help: &'static str,
        kind: FigureKind,
        values: impl IntoIterator<Item = (Vec<(&'static str, String)>, f64)>,
    ) -> Self {
        let sample = |(labels, value)| Sample {
            suffix: "",
            labels,
            value,
        };
        Self {
            name,
            help,
            kind,
            samples: values.into_iter().map(sample).collect(),
        }
    }

    /// A histogram without values.
    #[must_use]
    pub fn histogram(name: &'static str, help: &'static str) -> Self {
        Self::labelled(name, help, FigureKind::Histogram, [])
    }

    /// Adds a histogram's values for a set of labels. `counts` says for each upper bound how many were no larger than it
    /// and larger than the bound before, `count` how many there were, `sum` what they make together.
    #[must_use]
    pub fn with(
        mut self,
        labels: &[(&'static str, String)],
        (bounds, counts): (&[f64], &[u64]),
        count: u64,
        sum: f64,
    ) -> Self {
        let mut push = |suffix, bound: Option<String>, value| {
            let mut labels = labels.to_vec();
            labels.extend(bound.map(|bound| ("le", bound)));
            self.samples.push(Sample {
                suffix,
                labels,
                value,
            });
        };
        let mut below = 0;
        for (bound, n) in bounds.iter().zip(counts) {
            below += n;
            push("_bucket", Some(bound.to_string()), below as f64);
        }
        push("_bucket", Some("+Inf".to_owned()), count as f64);
        push("_sum", None, sum);
        push("_count", None, count as f64);
        self
    }
}
