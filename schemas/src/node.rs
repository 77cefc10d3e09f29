//! A node's announcement of what it owns, on the nodes topic: a hint for routing, never a proof of ownership.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Value of a record on the nodes topic; key: the partition in decimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeAnnouncement {
    /// The partition that is owned.
    pub partition: i32,
    /// Epoch under which it is owned; the highest wins.
    pub epoch: i64,
    /// Base URL of the owner's HTTP API.
    pub url: Arc<str>,
    /// Name of the node.
    pub node: Arc<str>,
    /// When this was said, milliseconds since the epoch.
    pub time_ms: i64,
}
