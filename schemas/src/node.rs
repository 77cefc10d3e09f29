//! A node's announcement of what it owns, on the nodes topic: a hint for routing, never a proof of ownership.

use crate::cloudevents as ce;
use crate::headers::{self, Wanted};
use crate::partition::PARTITIONS_MAX;
use crate::record::{Outgoing, RecordView, WireError};
use crate::time::Rfc3339Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

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

impl NodeAnnouncement {
    /// Reads an announcement.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_view(view: &impl RecordView) -> Result<Self, WireError> {
        headers::expect_type(Wanted::read(view, &[ce::TYPE]).need(0)?, ce::TYPE_NODE)?;
        serde_json::from_slice(view.value().unwrap_or_default())
            .map_err(|e| WireError::BadValue(format!("not a node's announcement: {e}")))
    }
}

impl Outgoing for NodeAnnouncement {
    fn key(&self) -> Option<&[u8]> {
        // A key is borrowed, and this one is a number: so all of them are written out once.
        static KEYS: LazyLock<Vec<String>> =
            LazyLock::new(|| (0..PARTITIONS_MAX).map(|p| p.to_string()).collect());
        KEYS.get(usize::try_from(self.partition).ok()?)
            .map(String::as_bytes)
    }

    fn value(&self) -> Option<Cow<'_, [u8]>> {
        Some(Cow::Owned(
            serde_json::to_vec(self).expect("an announcement serialises"),
        ))
    }

    fn for_each_header(&self, each: &mut dyn FnMut(&str, &[u8])) {
        each(ce::SPECVERSION, ce::SPECVERSION_1_0);
        each(ce::TYPE, ce::TYPE_NODE.as_bytes());
        each(
            ce::ID,
            format!("{}/{}/{}", self.partition, self.epoch, self.time_ms).as_bytes(),
        );
        each(ce::SOURCE, ce::SOURCE_ORCHESTRATOR);
        each(ce::SUBJECT, self.node.as_bytes());
        each(ce::TIME, Rfc3339Text::new(self.time_ms).as_bytes());
        each(ce::CONTENT_TYPE, ce::JSON);
    }
}
