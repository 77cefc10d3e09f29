//! Every example is read, written and validated: the valid ones pass, the invalid ones fail for the reason they name.

use crate::example::{Example, read_and_write, show};
use crate::files;
use baton_schemas::json_schema::{headers_schema, value_schema};
use baton_schemas::record_kinds::{Party, RECORD_KINDS};
use serde_json::Value;

fn examples(folder: &str) -> Vec<(String, Example)> {
    files(folder)
        .into_iter()
        .map(|(name, text)| {
            let example = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, example)
        })
        .collect()
}

/// Whether the schemas of its kind accept the headers and the value.
fn validates(example: &Example, headers: &Value, value: Option<&Value>) -> bool {
    let kind = example.kind();
    let accepts = |schema: Value, value: &Value| {
        jsonschema::validator_for(&schema)
            .expect("a schema")
            .is_valid(value)
    };
    (kind.headers.is_empty() || accepts(headers_schema(kind), headers))
        && value.is_none_or(|value| accepts(value_schema(kind), value))
}

#[test]
fn valid_examples_are_read_and_written_back() {
    for (name, example) in examples("examples/valid") {
        let written = read_and_write(example.kind(), &example.record())
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        let shown = show(&written);
        let headers = serde_json::to_value(&shown.headers).expect("a map of text");
        assert!(
            validates(&example, &headers, shown.value.as_ref()),
            "{name} does not fit its schemas: {shown:?}"
        );
        for header in shown
            .headers
            .keys()
            .filter(|header| !header.starts_with("x-"))
        {
            let known = example
                .kind()
                .headers
                .iter()
                .any(|known| known.name == *header);
            assert!(
                known || example.record == "dead-letter",
                "{name}: {header} is not in the contract"
            );
        }
        let expected = example.written();
        assert_eq!(shown.key, expected.key, "{name}");
        assert_eq!(shown.headers, expected.headers, "{name}");
        assert_eq!(
            (shown.value, shown.text),
            (expected.value, expected.text),
            "{name}"
        );
    }
}

#[test]
fn invalid_examples_are_refused_for_the_reason_they_name() {
    for (name, example) in examples("examples/invalid") {
        let why = example
            .why
            .as_deref()
            .unwrap_or_else(|| panic!("{name} does not say why"));
        let error = read_and_write(example.kind(), &example.record()).expect_err(&name);
        assert!(error.contains(why), "{name}: {error}");
        let headers = serde_json::to_value(&example.headers).expect("a map of text");
        let accepted = validates(&example, &headers, example.value.as_ref());
        assert_eq!(
            accepted, example.beyond_schema,
            "{name}: `beyond_schema` is wrong"
        );
    }
}

#[test]
fn every_kind_that_we_read_has_valid_and_invalid_examples() {
    for folder in ["examples/valid", "examples/invalid"] {
        let examples = examples(folder);
        for kind in RECORD_KINDS.iter().filter(|kind| kind.name != "event") {
            let mut found = examples
                .iter()
                .filter(|(_, example)| example.record == kind.name);
            // Completions don't show what they share with a successful one a second time.
            let shared = ["completion-heartbeat", "completion-submitted"].contains(&kind.name)
                && folder.ends_with("invalid");
            assert!(
                shared || found.next().is_some(),
                "{folder} has no {} (from {:?})",
                kind.name,
                kind.from
            );
        }
        let topics = baton_schemas::topics::Topics::new(baton_schemas::topics::PREFIX_DEFAULT);
        for (name, example) in &examples {
            let named = example
                .kind()
                .topic
                .split('{')
                .next()
                .expect("split gives one");
            assert!(
                example
                    .topic
                    .starts_with(&format!("{}{named}", topics.prefix))
                    || named.is_empty(),
                "{name}"
            );
        }
    }
    assert!(RECORD_KINDS.iter().any(|kind| kind.from == Party::Worker));
}
