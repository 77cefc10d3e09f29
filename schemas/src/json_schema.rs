//! JSON Schemas of the records, generated from the types and from [`crate::record_kinds`].
//!
//! Owns: the content of `json/*.schema.json`: for each kind of record one schema of its headers (an object from name to
//! text) and one of its value. `UPDATE_SCHEMAS=1 cargo test -p baton-schemas` writes the files.

use crate::completion::TakenBy;
use crate::history::{Failure, HistoryRecordV1};
use crate::node::NodeAnnouncement;
use crate::record_kinds::{Header, HeaderForm, RECORD_KINDS, RecordKind, ValueForm};
use crate::registry::RegistryEntry;
use crate::token::TOKEN_LENGTH_MAX;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Dialect of the schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Every schema, as file name and content.
#[must_use]
pub fn all() -> Vec<(String, Value)> {
    let mut schemas = Vec::new();
    for kind in &RECORD_KINDS {
        if !kind.headers.is_empty() {
            schemas.push((headers_file(kind), headers_schema(kind)));
        }
        schemas.push((value_file(kind), value_schema(kind)));
    }
    schemas
}

/// File name of the schema of a kind's headers.
#[must_use]
pub fn headers_file(kind: &RecordKind) -> String {
    format!("{}.headers.schema.json", kind.name)
}

/// File name of the schema of a kind's value.
#[must_use]
pub fn value_file(kind: &RecordKind) -> String {
    format!("{}.value.schema.json", kind.name)
}

/// Schema of a kind's headers: an object from name to text.
#[must_use]
pub fn headers_schema(kind: &RecordKind) -> Value {
    let properties: Map<String, Value> = kind
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), header_schema(header)))
        .collect();
    let required: Vec<&str> = kind
        .headers
        .iter()
        .filter(|header| header.required)
        .map(|header| header.name)
        .collect();
    json!({
        "$schema": DIALECT,
        "title": format!("Headers of {}", kind.name),
        "description": kind.summary,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": { "type": "string" },
    })
}

/// Schema of a kind's value.
#[must_use]
pub fn value_schema(kind: &RecordKind) -> Value {
    let mut schema = match kind.value {
        ValueForm::Json(description) => json!({ "$schema": DIALECT, "description": description }),
        ValueForm::Failure => generate::<Failure>(),
        ValueForm::TakenBy => generate::<TakenBy>(),
        ValueForm::Node => generate::<NodeAnnouncement>(),
        ValueForm::Registry => generate::<RegistryEntry>(),
        ValueForm::History => generate::<HistoryRecordV1>(),
    };
    schema["title"] = Value::String(format!("Value of {}", kind.name));
    schema
}

fn generate<T: JsonSchema>() -> Value {
    SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .to_value()
}

fn header_schema(header: &Header) -> Value {
    let mut schema = match header.form {
        HeaderForm::Const(text) => json!({ "const": text }),
        HeaderForm::OneOf(texts) => json!({ "enum": texts }),
        HeaderForm::Text => json!({ "type": "string", "minLength": 1 }),
        HeaderForm::Token => {
            json!({ "type": "string", "minLength": 1, "maxLength": TOKEN_LENGTH_MAX })
        }
        HeaderForm::Number => json!({ "type": "string", "pattern": "^[0-9]+$" }),
        HeaderForm::Time => json!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
        }),
        HeaderForm::MachineArn => json!({
            "type": "string",
            "pattern": "^arn:aws:states:[^:]*:[^:]*:stateMachine:[^:]+(:[^:]+)?$",
        }),
    };
    schema["description"] = Value::String(header.description.to_owned());
    schema
}
