//! The history topic: the write-ahead log of a partition and the only source of truth.
//!
//! Owns: [`Event`] (one entry of an execution's history) and [`HistoryRecord`] (one Kafka record: a claim, a
//! transition, a mark or a restatement). Every record has a version `v`; version 1 is described by the types here and
//! pinned by golden files.

mod event;
mod record;
mod repeats;

pub use event::{
    Assigned, Event, EventKind, Express, Failure, Redriven, Resource, Started, StateType,
    TaskScheduled,
};
pub(crate) use record::HistoryRecordV1;
pub use record::{
    Cause, Closed, HistoryRecord, InputTopic, PassedOn, Positions, Restated, Step, Transition,
};
