//! Generated files are what is committed, and cover the whole contract. `UPDATE_SCHEMAS=1` writes them.

use crate::at;
use baton_schemas::cloudevents as ce;
use baton_schemas::record_kinds::RECORD_KINDS;
use baton_schemas::topics::{PREFIX_DEFAULT, Topics};
use baton_schemas::{asyncapi, json_schema};
use serde_json::Value;
use std::collections::BTreeSet;

/// Compares `content` with the committed file, or writes it when asked to.
fn check(path: &str, content: &Value) {
    let text = format!("{}\n", serde_json::to_string_pretty(content).expect("JSON"));
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(at(path).parent().expect("a folder")).expect("the folder is made");
        std::fs::write(at(path), text).expect("the file is written");
        return;
    }
    let committed = std::fs::read_to_string(at(path)).unwrap_or_default();
    assert!(
        committed == text,
        "{path} is not what the types say: run UPDATE_SCHEMAS=1 cargo test -p baton-schemas"
    );
}

#[test]
fn json_schemas_are_committed() {
    let schemas = json_schema::all();
    for (name, schema) in &schemas {
        assert!(
            jsonschema::meta::is_valid(schema),
            "{name} is not a JSON Schema"
        );
        check(&format!("json/{name}"), schema);
    }
    let expected: BTreeSet<&str> = schemas.iter().map(|(name, _)| name.as_str()).collect();
    let files = crate::files("json");
    let found: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        found, expected,
        "json/ holds other files than the types make"
    );
}

#[test]
fn the_asyncapi_document_is_committed() {
    check("asyncapi/baton.json", &asyncapi::document());
}

#[test]
fn the_asyncapi_document_covers_every_type_and_topic() {
    let document = asyncapi::document();
    let names: BTreeSet<&str> = strings_under(&document["components"]["messages"], "name");
    for ce_type in ce::TYPES {
        assert!(names.contains(ce_type), "no message {ce_type}");
    }
    let addresses: BTreeSet<&str> = strings_under(&document["channels"], "address");
    let topics = Topics::new(PREFIX_DEFAULT);
    let fixed = [
        &topics.completions,
        &topics.requests,
        &topics.history,
        &topics.registry,
        &topics.nodes,
        &topics.control,
        &topics.dead_letter,
    ];
    for topic in fixed
        .map(|topic| &**topic)
        .into_iter()
        .chain(["baton.commands.{queue}", "baton.events.{bus}"])
    {
        assert!(
            addresses.contains(topic),
            "no channel {topic} among {addresses:?}"
        );
    }
}

#[test]
fn references_of_the_asyncapi_document_lead_somewhere() {
    let document = asyncapi::document();
    let schemas: BTreeSet<String> = json_schema::all()
        .into_iter()
        .map(|(name, _)| format!("../json/{name}"))
        .collect();
    let mut refs = BTreeSet::new();
    collect_refs(&document, &mut refs);
    assert!(refs.len() > RECORD_KINDS.len());
    for reference in refs {
        let found = match reference.strip_prefix('#') {
            Some(pointer) => document.pointer(pointer).is_some(),
            None => schemas.contains(reference),
        };
        assert!(found, "{reference} leads nowhere");
    }
}

#[test]
fn every_type_constant_is_listed_and_has_a_kind() {
    let constants = include_str!("../../src/cloudevents.rs")
        .matches("pub const TYPE_")
        .count();
    assert_eq!(constants, ce::TYPES.len(), "`TYPES` is not complete");
    let kinds: BTreeSet<&str> = RECORD_KINDS
        .iter()
        .filter_map(baton_schemas::record_kinds::RecordKind::ce_type)
        .collect();
    assert_eq!(kinds, ce::TYPES.into_iter().collect());
}

/// The string in `field` of every member of `object`.
fn strings_under<'a>(object: &'a Value, field: &str) -> BTreeSet<&'a str> {
    object
        .as_object()
        .expect("an object")
        .values()
        .filter_map(|member| member[field].as_str())
        .collect()
}

fn collect_refs<'a>(value: &'a Value, refs: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(reference) if name == "$ref" => drop(refs.insert(reference)),
                    _ => collect_refs(member, refs),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_refs(item, refs)),
        _ => {}
    }
}
