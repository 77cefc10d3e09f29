//! Whether a mocked result is what the service would answer (TestState's `fieldValidationMode`).
//!
//! Owns: the check of types, enumerations and required fields. What services answer is data, generated from botocore's
//! service models (Apache-2.0, Amazon.com, Inc.) by `shapes.py`. What is not known there passes: unknown fields,
//! services, and integrations that answer something of their own (`.sync`, `.waitForTaskToken`, `apigateway`).

use serde_json::Value;
use std::sync::OnceLock;

const DATA: &str = include_str!("shapes.json");
/// Deepest nesting that is looked at; deeper values pass.
const DEPTH_MAX: usize = 64;

/// Checks `result` as the answer of a task's resource, given as AWS's `resourceType` (`lambda`, `aws-sdk:s3`) and
/// `resource` (`invoke`, `getObject`); `required`: whether required fields must be there (STRICT).
///
/// # Errors
/// The first thing that is wrong, in AWS's words.
pub fn check(kind: &str, action: &str, result: &Value, required: bool) -> Result<(), String> {
    let Some((service, shape)) = shape_of(kind, action) else {
        return Ok(());
    };
    let check = Check {
        shapes: &service["shapes"],
        required,
        // The optimised integration hands the function's own answer on as JSON.
        open: if kind == "lambda" { "Payload" } else { "" },
    };
    check.value("", shape, result, 0)
}

/// The service's data and the shape of the operation's answer.
fn shape_of(kind: &str, action: &str) -> Option<(&'static Value, &'static Value)> {
    static SERVICES: OnceLock<Value> = OnceLock::new();
    let services = SERVICES.get_or_init(|| serde_json::from_str(DATA).unwrap_or(Value::Null));
    let service = match kind.strip_prefix("aws-sdk:").unwrap_or(kind) {
        "events" => "eventbridge",
        "states" => "sfn",
        other => other,
    };
    let service = services.get(service)?;
    let mut letters = action.chars();
    let operation: String = letters.next()?.to_uppercase().chain(letters).collect();
    Some((service, service["operations"].get(&operation)?))
}

struct Check {
    shapes: &'static Value,
    required: bool,
    /// A field that may hold anything.
    open: &'static str,
}

impl Check {
    fn value(&self, field: &str, shape: &Value, found: &Value, depth: usize) -> Result<(), String> {
        if found.is_null() || depth > DEPTH_MAX || (!field.is_empty() && field == self.open) {
            return Ok(());
        }
        let shape = match shape.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => &self.shapes[name],
            None => shape,
        };
        let must_be = |what: &str| Err(format!("Field '{field}' must be {what}"));
        match shape.as_str() {
            Some("string") if !found.is_string() => return must_be("a string"),
            Some("number") if !found.is_number() => return must_be("a number"),
            Some("boolean") if !found.is_boolean() => return must_be("a boolean"),
            Some(_) => return Ok(()),
            None => {}
        }
        if let Some(known) = shape["enum"].as_array() {
            return match found {
                Value::String(_) if known.contains(found) => Ok(()),
                Value::String(_) => Err(format!("Field '{field}' is not an expected value")),
                _ => must_be("a string"),
            };
        }
        if let Some(member) = shape.get("list") {
            let Some(items) = found.as_array() else {
                return must_be("an array");
            };
            return items
                .iter()
                .try_for_each(|item| self.value(field, member, item, depth + 1));
        }
        let Some(fields) = found.as_object() else {
            return must_be("an object");
        };
        if let Some(member) = shape.get("map") {
            return fields
                .iter()
                .try_for_each(|(key, value)| self.value(key, member, value, depth + 1));
        }
        let required = shape["required"].as_array().map_or(&[][..], Vec::as_slice);
        let missing = required
            .iter()
            .filter_map(Value::as_str)
            .find(|name| self.required && !fields.contains_key(*name));
        if let Some(missing) = missing {
            return Err(format!("Required field '{missing}' is missing"));
        }
        fields.iter().try_for_each(|(name, value)| {
            shape["fields"]
                .get(name)
                .map_or(Ok(()), |shape| self.value(name, shape, value, depth + 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problem(kind: &str, action: &str, result: Value) -> String {
        check(kind, action, &result, true).err().unwrap_or_default()
    }

    #[test]
    fn types_are_checked_at_any_depth() {
        let entries = json!({"Entries": [{"EventId": "a"}, {"EventId": 1}]});
        assert_eq!(
            problem("events", "putEvents", entries),
            "Field 'EventId' must be a string"
        );
        let entries = json!({"Entries": "none"});
        assert_eq!(
            problem("aws-sdk:eventbridge", "putEvents", entries),
            "Field 'Entries' must be an array"
        );
        let units = json!({"ConsumedCapacity": {"CapacityUnits": "1"}});
        assert_eq!(
            problem("dynamodb", "putItem", units),
            "Field 'CapacityUnits' must be a number"
        );
        let class = json!({"StorageClass": "Papyrus"});
        assert_eq!(
            problem("aws-sdk:s3", "getObject", class),
            "Field 'StorageClass' is not an expected value"
        );
    }

    #[test]
    fn required_fields_are_asked_for_in_strict_mode_only() {
        assert_eq!(
            problem("states", "startExecution", json!({})),
            "Required field 'ExecutionArn' is missing"
        );
        assert_eq!(check("states", "startExecution", &json!({}), false), Ok(()));
    }

    #[test]
    fn what_is_not_known_passes() {
        assert_eq!(problem("apigateway", "invoke", json!(1)), "");
        assert_eq!(problem("states", "startExecution.sync", json!(1)), "");
        assert_eq!(
            problem("lambda", "invoke", json!({"Payload": {"a": 1}, "More": 1})),
            ""
        );
        assert_eq!(
            problem("aws-sdk:lambda", "invoke", json!({"Payload": 1})),
            "Field 'Payload' must be a string"
        );
    }
}
