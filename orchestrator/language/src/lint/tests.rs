//! Each finding, and that what is right gives none.

use super::*;
use serde_json::json;

fn found(definition: &Value, strict: bool) -> Vec<String> {
    let options = Options {
        express: false,
        strict,
    };
    let found = analyse(&definition.to_string(), options);
    found
        .into_iter()
        .map(|d| {
            format!(
                "{} {}: {} ({})",
                d.code,
                d.pointer.unwrap_or_default(),
                d.message,
                d.help.unwrap_or_default()
            )
        })
        .collect()
}

fn jsonata(states: Value) -> Value {
    json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": states})
}

fn jsonpath(states: Value) -> Value {
    json!({"StartAt": "A", "States": states})
}

const TASK: &str = "arn:aws:states:::sqs:sendMessage";

#[test]
fn a_variable_that_nothing_assigned_is_found() {
    let machine = jsonata(json!({
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": "{% $x %}"}, "Next": "B"},
        "B": {"Type": "Choice", "Choices": [{"Condition": "{% $x = 1 %}", "Assign": {"z": 1}, "Next": "C"}], "Default": "D"},
        "C": {"Type": "Pass", "Output": {"k": ["{% $z + $y %}"]}, "Next": "D"},
        "D": {"Type": "Pass", "Output": "{% $z & $late & ($own := 1; $own) %}", "Next": "E"},
        "E": {"Type": "Succeed", "Output": "{% $map($x, function($v){ $v + $never }) %}"},
    }));
    assert_eq!(
        found(&machine, false),
        [
            "POSSIBLY_UNDEFINED_VARIABLE /States/A/Assign/y: Variable 'x' is possibly not defined. ('A' itself assigns it, which its \
             other fields don't see yet)",
            "POSSIBLY_UNDEFINED_VARIABLE /States/D/Output: Variable 'late' is possibly not defined. (no state assigns it)",
            "POSSIBLY_UNDEFINED_VARIABLE /States/E/Output: Variable 'never' is possibly not defined. (no state assigns it)",
        ]
    );
    let machine = jsonpath(json!({
        "A": {"Type": "Pass", "Parameters": {"a.$": "States.Format('{}', $v.x)", "b": "$v"}, "Next": "B"},
        "B": {"Type": "Map", "ItemsPath": "$list", "Assign": {"v.$": "$"}, "ItemProcessor": {"StartAt": "I", "States": {
            "I": {"Type": "Pass", "InputPath": "$w", "End": true}}}, "End": true},
    }));
    let found = found(&machine, false);
    let places: Vec<&str> = found
        .iter()
        .map(|text| text.split(':').next().unwrap_or(""))
        .collect();
    assert_eq!(
        places,
        [
            "POSSIBLY_UNDEFINED_VARIABLE /States/A/Parameters/a.$",
            "POSSIBLY_UNDEFINED_VARIABLE /States/B/ItemsPath",
            "POSSIBLY_UNDEFINED_VARIABLE /States/B/ItemProcessor/States/I/InputPath",
        ],
        "{found:#?}"
    );
}

#[test]
fn errors_that_never_come_are_found() {
    let machine = jsonpath(json!({
        "A": {"Type": "Task", "Resource": TASK, "Retry": [
            {"ErrorEquals": ["X", "States.Timeout"]},
            {"ErrorEquals": ["X", "States.HeartbeatTimeout", "States.TaskFailed"]},
            {"ErrorEquals": ["Y", "States.DataLimitExceeded"]}],
          "Catch": [
            {"ErrorEquals": ["States.Runtime", "States.Nonsense", "Lambda.Unknown", "States.ItemReaderFailed"], "Next": "B"},
            {"ErrorEquals": ["States.QueryEvaluationError", "Custom.Error"], "Next": "B"},
            {"ErrorEquals": ["States.ALL"], "Next": "B"}], "Next": "B"},
        "B": {"Type": "Succeed"},
    }));
    let found = found(&machine, false);
    let places: Vec<&str> = found
        .iter()
        .map(|text| text.split(" can never").next().unwrap_or(""))
        .collect();
    assert_eq!(
        places,
        [
            "ERROR_NEVER_MATCHES /States/A/Retry/1/ErrorEquals/0: 'X'",
            "ERROR_NEVER_MATCHES /States/A/Retry/1/ErrorEquals/1: 'States.HeartbeatTimeout'",
            "ERROR_NEVER_MATCHES /States/A/Retry/2/ErrorEquals/0: 'Y'",
            "ERROR_NEVER_MATCHES /States/A/Catch/0/ErrorEquals/0: 'States.Runtime'",
            "ERROR_NEVER_MATCHES /States/A/Catch/0/ErrorEquals/1: 'States.Nonsense'",
            "ERROR_NEVER_MATCHES /States/A/Catch/0/ErrorEquals/2: 'Lambda.Unknown'",
            "ERROR_NEVER_MATCHES /States/A/Catch/0/ErrorEquals/3: 'States.ItemReaderFailed'",
            "ERROR_NEVER_MATCHES /States/A/Catch/1/ErrorEquals/0: 'States.QueryEvaluationError'",
        ],
        "{found:#?}"
    );
}

#[test]
fn paths_on_a_constant_are_tried() {
    let machine = jsonpath(json!({
        "A": {"Type": "Pass", "Result": {"list": {"n": 1}, "s": "x"}, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 1, "Next": "B"},
        "B": {"Type": "Map", "ItemsPath": "$.list", "ResultPath": "$.r", "ItemProcessor": {"StartAt": "I", "States": {
            "I": {"Type": "Succeed"}}}, "Next": "C"},
        "C": {"Type": "Pass", "Result": {"a": 1}, "ResultPath": "$.c", "Next": "D"},
        "D": {"Type": "Pass", "Result": 5, "Next": "E"},
        "E": {"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "F"}], "Default": "G"},
        "F": {"Type": "Succeed"},
        "G": {"Type": "Pass", "Parameters": {"k.$": "$.missing", "all.$": "$"}, "End": true},
    }));
    assert_eq!(
        found(&machine, false),
        [
            "PATH_CANNOT_APPLY /States/B/ItemsPath: The path '$.list' leads to no array (the input is always what 'A' gives: \
             {\"list\":{\"n\":1},\"s\":\"x\"})",
            "PATH_CANNOT_APPLY /States/E/Choices/0/Variable: The path '$.x' finds nothing (the input is always what 'D' gives: 5)",
            "PATH_CANNOT_APPLY /States/G/Parameters/k.$: The path '$.missing' finds nothing (the input is always what 'D' gives: 5)",
        ]
    );
}

#[test]
fn texts_that_are_not_what_they_look_are_found() {
    let machine = jsonpath(
        json!({"A": {"Type": "Pass", "Parameters": {"a": "$.b", "c": ["$.d"], "e": "$5"}, "End": true}}),
    );
    assert_eq!(found(&machine, false).len(), 2);
    let machine = jsonata(
        json!({"A": {"Type": "Pass", "Output": "{% $nope($states.result) & $eval('1') & $string($states.x) %}", "End": true}}),
    );
    let codes: Vec<String> = found(&machine, false)
        .iter()
        .map(|text| text.split(" (").next().unwrap_or("").to_owned())
        .collect();
    assert_eq!(
        codes,
        [
            "UNKNOWN_FUNCTION /States/A/Output: There is no function '$nope'",
            "UNKNOWN_FUNCTION /States/A/Output: There is no function '$eval'",
            "UNDEFINED_FIELD /States/A/Output: '$states.result' is undefined here",
            "UNDEFINED_FIELD /States/A/Output: '$states.x' is undefined here",
        ]
    );
}

#[test]
fn strict_mode_refuses_what_aws_does_not_know() {
    let machine = jsonata(json!({
        "A": {"Type": "Task", "Resource": "arn:aws:states:::baton:task.resize", "Arguments": {"n": "{% $states.input.n ?? 1 %}"},
            "Output": "{% $states.result.a ?: 2 %}", "End": true},
    }));
    assert_eq!(found(&machine, false), [""; 0]);
    let found = found(&machine, true);
    let places: Vec<&str> = found
        .iter()
        .map(|text| text.split(": ").next().unwrap_or(""))
        .collect();
    assert_eq!(
        places,
        [
            "NOT_PORTABLE /States/A/Resource",
            "NOT_PORTABLE /States/A/Arguments/n",
            "NOT_PORTABLE /States/A/Output"
        ]
    );
}

#[test]
fn what_the_compiler_finds_comes_first() {
    let machine = jsonpath(json!({
        "A": {"Type": "Pass", "Parameters": {"a.$": "$late"}, "Next": "Nowhere"},
        "B": {"Type": "Succeed", "Colour": 1},
    }));
    let codes: Vec<String> = found(&machine, false)
        .iter()
        .map(|text| text.split(' ').next().unwrap_or("").to_owned())
        .collect();
    assert_eq!(
        codes,
        [
            "MISSING_TRANSITION_TARGET",
            "MISSING_TRANSITION_TARGET",
            "SCHEMA_VALIDATION_FAILED",
            "POSSIBLY_UNDEFINED_VARIABLE"
        ]
    );
    assert!(analyse("nonsense", Options::default()).len() == 1);
}
