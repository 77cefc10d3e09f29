//! Worker health and what an execution waits for, as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

/// A task queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Name.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Partitions of the topic: how many workers can share it.
    pub partitions: usize,
    /// Members of all groups that its partitions are given to.
    pub consumers: usize,
    /// Commands that its slowest group has not committed.
    pub lag: i64,
    /// Groups that consume it, or have consumed it.
    pub groups: Vec<ConsumerGroup>,
}

/// A consumer group of a task queue.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerGroup {
    /// Name.
    pub name: String,
    /// Commands that it has not committed.
    pub lag: i64,
    /// Commands a second, between the last two looks of this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_second: Option<f64>,
    /// When this node last saw a member of it (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// Its members.
    pub members: Vec<Consumer>,
}

/// A member of a consumer group.
#[derive(Serialize, ToSchema)]
pub struct Consumer {
    /// As it calls itself.
    pub client: String,
    /// Where it is.
    pub host: String,
    /// Partitions of the queue that it has.
    pub partitions: usize,
}

/// All task queues, by name.
#[derive(Serialize, ToSchema)]
pub struct QueueList {
    pub queues: Vec<Queue>,
}

/// What an execution waits for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reasons {
    /// One for each branch that waits.
    pub waiting_for: Vec<Reason>,
}

/// One thing that is waited for.
#[derive(Serialize, ToSchema)]
pub struct Reason {
    /// Name of the state.
    pub state: String,
    /// Since when (RFC 3339).
    pub since: String,
    /// In words.
    pub reason: String,
}
