//! Cases that are one pure call: ValidateStateMachineDefinition and TestState.

use crate::case::Case;
use crate::values::Bindings;
use crate::verdict::Check;
use baton_language::Severity;
use serde_json::{Value, json};

/// Compares the result, and code, severity and location of each finding; messages only inform.
///
/// # Errors
/// What differs.
pub fn validate(case: &Case) -> Check {
    let express = case.json["type"] == "EXPRESS" || case.json["args"]["type"] == "EXPRESS";
    let compile = if express {
        baton_language::compile_express
    } else {
        baton_language::compile
    };
    let found = match compile(&case.definition()) {
        Ok((_, warnings)) => warnings,
        Err(findings) => findings,
    };
    let is_error = |d: &baton_language::Diagnostic| d.severity == Severity::Error;
    let result = if found.iter().any(is_error) {
        "FAIL"
    } else {
        "OK"
    };
    let expect = &case.json["expect"];
    let own: Vec<Value> = found
        .iter()
        .map(|d| json!({"code": d.code, "severity": d.severity, "location": d.location}))
        .collect();
    let wanted: Vec<Value> = expect["diagnostics"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|d| json!({"code": d["code"], "severity": d["severity"], "location": d["location"]}))
        .collect();
    let same = expect["result"] == result
        && Bindings::new(&case.literal)
            .matches(&Value::from(wanted.clone()), &Value::from(own.clone()));
    if same {
        Ok(())
    } else {
        Err(format!(
            "expected {} {wanted:?}, found {result} {found:?} {own:?}",
            expect["result"]
        ))
    }
}

/// Compares the whole answer, or the error's code and message.
///
/// # Errors
/// What differs.
pub fn test_state(_case: &Case) -> Check {
    Err("TestState is not there yet".to_owned())
}
