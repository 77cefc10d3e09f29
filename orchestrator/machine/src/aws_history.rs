//! Events as AWS's GetExecutionHistory shows them.
//!
//! Owns: the JSON form (`type`, `<type>EventDetails`, ids, timestamps, text-in-JSON payloads) of an [`Event`]. Internal
//! events have none.

use baton_schemas::history::Event;
use serde_json::Value;

/// The event as GetExecutionHistory returns it (timestamp in seconds since the epoch, as AWS's JSON protocol does);
/// `None` for an internal event.
#[must_use]
pub fn to_aws(_event: &Event, _now_ms: i64, _region: &str, _include_data: bool) -> Option<Value> {
    todo!()
}
