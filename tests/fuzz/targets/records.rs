//! Any Kafka record as each of the contract's: it is read or refused, and a history record says again what it said.
#![no_main]

use baton_schemas::execution_closed::ExecutionClosed;
use baton_schemas::history::HistoryRecord;
use baton_schemas::node::NodeAnnouncement;
use baton_schemas::record::Record;
use baton_schemas::registry::RegistryEntry;
use baton_schemas::{
    Command, Completion, Control, DeadLetter, ExecutionLog, Request, TaskToken, TraceContext, arn,
    partition, time, topics,
};
use libfuzzer_sys::fuzz_target;
use std::borrow::Cow;

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/pieces.rs"]
mod pieces;

/// A record has 4 kB here.
const BYTES_MAX: usize = 16 << 20;
const HEADERS_MAX: usize = 32;

fuzz_target!(|bytes: &[u8]| memory::within(BYTES_MAX, || {
    let mut parts = pieces::pieces(bytes, HEADERS_MAX).into_iter();
    let (key, value) = (parts.next().unwrap_or_default(), parts.next());
    let header = |part: &[u8]| {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(0);
        let (name, value) = part.split_at(at);
        let name = String::from_utf8_lossy(name).into_owned();
        (
            Cow::Owned(name),
            value.get(1..).unwrap_or_default().to_vec().into(),
        )
    };
    let record = Record {
        key: Some(key.to_vec().into()),
        value: value.map(|value| value.to_vec().into()),
        headers: parts.map(header).collect(),
    };
    let _ = Completion::from_view(&record);
    let _ = Command::from_view(&record);
    let _ = Control::from_view(&record);
    let _ = DeadLetter::from_view(&record);
    let _ = ExecutionClosed::from_view(&record);
    let _ = ExecutionLog::from_view(&record);
    let _ = NodeAnnouncement::from_view(&record);
    let _ = RegistryEntry::from_view(&record);
    let _ = Request::from_view(&record);
    if let Ok(read) = HistoryRecord::from_json(value.unwrap_or_default()) {
        let written = read.to_json();
        let again = HistoryRecord::from_json(&written).expect("what was written can be read");
        assert_eq!(again.to_json(), written, "a record says again what it said");
    }
    let _ = partition::partition_of(key, 32);
    if let Ok(text) = std::str::from_utf8(key) {
        let _ = TaskToken::from_opaque(text).parts();
        let _ = TraceContext::parse(text);
        let _ = TraceContext::of_execution(text, Some(text));
        let _ = arn::machine_of(text);
        let _ = arn::name_problem(text);
        let _ = arn::execution_arn(text, text);
        let _ = time::parse_rfc3339(text).map(time::rfc3339);
        let _ = topics::escape(text);
    }
}));
