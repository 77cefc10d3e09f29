//! History records of version 1 that must be read for ever, whatever later versions add.
//!
//! A file here is never changed once a version that wrote it was released; new forms get new files.

use crate::files;
use baton_schemas::history::HistoryRecord;
use baton_schemas::json_schema::value_schema;
use baton_schemas::record_kinds::RECORD_KINDS;
use serde_json::Value;

fn history_schema() -> Value {
    value_schema(
        RECORD_KINDS
            .iter()
            .find(|kind| kind.name == "history")
            .expect("there is a history"),
    )
}

#[test]
fn golden_records_are_read_and_written_as_they_were() {
    let schema = jsonschema::validator_for(&history_schema()).expect("a schema");
    for (name, text) in files("examples/history-v1") {
        let golden: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Err(error) = schema.validate(&golden) {
            panic!("{name} does not fit the schema: {error}");
        }
        let record =
            HistoryRecord::from_json(text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let written: Value = serde_json::from_slice(&record.to_json()).expect("JSON");
        assert_eq!(written, golden, "{name}");
        assert_eq!(
            HistoryRecord::from_json(&record.to_json()).expect("read back"),
            record,
            "{name}"
        );
    }
}

#[test]
fn every_form_has_a_golden_record() {
    let all: String = files("examples/history-v1")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    let schema = history_schema();
    for definition in [
        "EventKind",
        "HistoryRecord",
        "Restated",
        "Cause",
        "StateType",
        "InputTopic",
    ] {
        let names = variants(&schema["$defs"][definition]);
        assert!(names.len() > 1, "{definition} has moved");
        for name in names {
            let hint = "add one to examples/history-v1";
            assert!(
                all.contains(&format!("\"{name}\"")),
                "no golden record holds {definition}::{name}: {hint}"
            );
        }
    }
}

/// Names of the variants of an enum, as its schema has them.
fn variants(definition: &Value) -> Vec<&str> {
    let forms = definition
        .get("oneOf")
        .and_then(Value::as_array)
        .map_or(std::slice::from_ref(definition), Vec::as_slice);
    let mut names = Vec::new();
    for form in forms {
        names.extend(form.get("const").and_then(Value::as_str));
        names.extend(
            form.get("enum")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
        names.extend(
            form.get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
    }
    names
}
