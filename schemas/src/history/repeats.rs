//! Writing a payload once per record.
//!
//! Within a transition the same payload often appears several times (a task's output, the state's output, the next
//! state's input, the next task's parameters). Owns the serde form of an event list in which `"same": true` stands for
//! the payload of the event before it that had one.

use super::{Event, EventKind};
use crate::Payload;
use schemars::JsonSchema;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize)]
struct Written<'a> {
    #[serde(skip_serializing_if = "is_zero")]
    id: u64,
    #[serde(skip_serializing_if = "is_zero")]
    prev: u64,
    #[serde(skip_serializing_if = "is_zero")]
    frame: u64,
    e: &'a EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Payload>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    same: bool,
}

/// One event. `same` stands for the payload of the nearest event before it in the list that has one.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ListedEvent")]
pub(super) struct Read {
    /// AWS's event id: 1, 2, 3, ... without gaps; absent for an internal event.
    #[serde(default)]
    id: u64,
    /// AWS's `previousEventId`.
    #[serde(default)]
    prev: u64,
    /// The frame (thread of control) that the event belongs to.
    #[serde(default)]
    frame: u32,
    /// What happened.
    e: EventKind,
    /// The event's payload.
    #[serde(default, deserialize_with = "crate::payload::present")]
    data: Option<Payload>,
    /// The payload is that of the event before; then `data` is absent.
    #[serde(default)]
    same: bool,
}

pub fn serialize<S: Serializer>(events: &[Event], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(events.len()))?;
    let mut last: Option<&Payload> = None;
    for event in events {
        let same = matches!((last, &event.data), (Some(a), Some(b)) if a.is_same(b));
        last = event.data.as_ref().or(last);
        list.serialize_element(&Written {
            id: event.id,
            prev: event.prev,
            frame: u64::from(event.frame),
            e: &event.kind,
            data: if same { None } else { event.data.as_ref() },
            same,
        })?;
    }
    list.end()
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Event>, D::Error> {
    let mut last: Option<Payload> = None;
    let read = Vec::<Read>::deserialize(deserializer)?;
    let mut events = Vec::with_capacity(read.len());
    for r in read {
        let data = if r.same {
            Some(
                last.clone()
                    .ok_or_else(|| serde::de::Error::custom("`same` before any payload"))?,
            )
        } else {
            r.data
        };
        last = data.clone().or(last);
        events.push(Event {
            id: r.id,
            prev: r.prev,
            frame: r.frame,
            kind: r.e,
            data,
        });
    }
    Ok(events)
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}
