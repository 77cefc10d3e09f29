//! Reading example files, and reading their records by kind.

use baton_schemas::history::HistoryRecord;
use baton_schemas::node::NodeAnnouncement;
use baton_schemas::record::Outgoing;
use baton_schemas::record_kinds::{RECORD_KINDS, RecordKind};
use baton_schemas::registry::RegistryEntry;
use baton_schemas::request::ExecutionClosed;
use baton_schemas::{Command, Completion, Control, DeadLetter, ExecutionLog, Record, Request};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A record as an example file shows it.
#[derive(Debug, Deserialize)]
pub struct Shown {
    pub key: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// The value where it is JSON; told apart from none at all.
    #[serde(default, deserialize_with = "present")]
    pub value: Option<Value>,
    /// The value where it is not.
    pub text: Option<String>,
}

/// An example file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Name of the kind of record.
    pub record: String,
    pub topic: String,
    pub key: Option<String>,
    pub headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "present")]
    pub value: Option<Value>,
    pub text: Option<String>,
    /// Valid ones: what it is written as, where that differs.
    pub reads_as: Option<Shown>,
    /// Invalid ones: part of the error.
    pub why: Option<String>,
    /// Invalid ones: set where a JSON Schema of headers and value can't tell.
    #[serde(default)]
    pub beyond_schema: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Example {
    pub fn kind(&self) -> &'static RecordKind {
        RECORD_KINDS
            .iter()
            .find(|kind| kind.name == self.record)
            .unwrap_or_else(|| panic!("no kind {}", self.record))
    }

    pub fn record(&self) -> Record {
        let bytes = match (&self.value, &self.text) {
            (Some(value), None) => Some(value.to_string()),
            (None, text) => text.clone(),
            (Some(_), Some(_)) => panic!("an example has a value or a text"),
        };
        Record {
            key: self.key.clone().map(Bytes::from),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.clone().into(), value.clone().into()))
                .collect(),
            value: bytes.map(Bytes::from),
        }
    }

    /// What the record must be written as.
    pub fn written(self) -> Shown {
        let Self {
            key,
            headers,
            value,
            text,
            ..
        } = self;
        self.reads_as.unwrap_or(Shown {
            key,
            headers,
            value,
            text,
        })
    }
}

/// Shows what a type wrote.
pub fn show(record: &Record) -> Shown {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("examples are UTF-8");
    let value = record.value.as_ref().map(|bytes| text(bytes));
    let json = value
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let shown = Shown {
        key: record.key.as_ref().map(|key| text(key)),
        headers: record
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        text: if json.is_none() { value } else { None },
        value: json,
    };
    assert_eq!(
        shown.headers.len(),
        record.headers.len(),
        "a header is written twice: {:?}",
        record.headers
    );
    shown
}

/// Reads `record` as the type of `kind` and writes it again.
pub fn read_and_write(kind: &RecordKind, record: &Record) -> Result<Record, String> {
    let written = match kind.name {
        "command" => Command::from_view(record).map(|r| r.to_record()),
        completion if completion.starts_with("completion-") => {
            Completion::from_view(record).map(|r| r.to_record())
        }
        "request-start" | "request-stop" => Request::from_view(record).map(|r| r.to_record()),
        "execution-log" => ExecutionLog::from_view(record).map(|r| r.to_record()),
        "execution-closed" => ExecutionClosed::from_view(record).map(|r| r.to_record()),
        "control-cancelled" => Control::from_view(record).map(|r| r.to_record()),
        "dead-letter" => DeadLetter::from_view(record).map(|r| r.to_record()),
        "registry" => RegistryEntry::from_view(record).map(|r| r.to_record()),
        "node" => NodeAnnouncement::from_view(record).map(|r| r.to_record()),
        "history" => {
            let read = HistoryRecord::from_json(record.value.as_deref().unwrap_or_default())
                .map_err(|e| e.to_string())?;
            Ok(Record {
                value: Some(read.to_json().into()),
                ..record.clone()
            })
        }
        other => panic!("no type reads {other}"),
    };
    written.map_err(|e| e.to_string())
}
