//! docs/wire-contract.md names every header, and the records that it shows are right.

use crate::example::{Example, read_and_write};
use baton_schemas::record_kinds::RECORD_KINDS;
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> String {
    std::fs::read_to_string(crate::at("../docs/wire-contract.md"))
        .expect("docs/wire-contract.md is there")
}

#[test]
fn every_header_is_described() {
    let document = document();
    for header in RECORD_KINDS.iter().flat_map(|kind| kind.headers) {
        assert!(
            document.contains(&format!("`{}`", header.name)),
            "{} is not in docs/wire-contract.md",
            header.name
        );
    }
}

#[test]
fn the_records_shown_are_read() {
    let document = document();
    let mut shown = BTreeSet::new();
    for block in document.split("```json\n").skip(1) {
        let text = block.split("```").next().expect("split gives one");
        let mut json: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let Some(ce_type) = json["headers"]["ce_type"].as_str().map(str::to_owned) else {
            continue;
        };
        let kind = RECORD_KINDS
            .iter()
            .find(|kind| kind.ce_type() == Some(&ce_type))
            .expect("a known type");
        json["record"] = kind.name.into();
        let example: Example =
            serde_json::from_value(json).unwrap_or_else(|e| panic!("{e}: {text}"));
        read_and_write(kind, &example.record()).unwrap_or_else(|e| panic!("{e}: {text}"));
        shown.insert(kind.name);
    }
    for kind in &RECORD_KINDS {
        let described_otherwise = ["history", "registry", "node", "event"].contains(&kind.name);
        assert!(
            described_otherwise || shown.contains(kind.name),
            "docs/wire-contract.md shows no {}",
            kind.name
        );
    }
}
