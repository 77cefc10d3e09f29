//! A short text in every place of a state where the language evaluates something, in an execution.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/steps.rs"]
mod steps;

/// What one expression may make is bounded by the language's limits, tens of megabytes each.
const BYTES_MAX: usize = 1 << 30;

fuzz_target!(|text: &str| memory::within(BYTES_MAX, || {
    let input = r#"{"a":[{"b":1,"c":"x"},[1,2,3],null],"d":{"e":"2024-01-01T00:00:00Z","f":-1.5}}"#;
    for state in [
        json!({"Type": "Pass", "Parameters": {"x.$": text}, "End": true}),
        json!({"Type": "Pass", "InputPath": text, "ResultPath": text, "End": true}),
        json!({"Type": "Pass", "Assign": {"v.$": text}, "OutputPath": text, "End": true}),
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": format!("{{% {text} %}}"), "End": true}),
        json!({"Type": "Choice", "Choices": [{"Variable": text, "StringMatches": text, "Next": "E"}], "Default": "E"}),
        json!({"Type": "Choice", "Choices": [{"Variable": "$.d.e", "StringMatches": text, "Next": "E"}], "Default": "E"}),
        json!({"Type": "Choice", "Choices": [{"Variable": "$.d.e", "TimestampEqualsPath": text, "Next": "E"}], "Default": "E"}),
        json!({"Type": "Wait", "TimestampPath": text, "End": true}),
        json!({"Type": "Wait", "Timestamp": text, "End": true}),
        json!({"Type": "Map", "ItemsPath": text, "End": true, "ItemSelector": {"i.$": text},
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}),
        json!({"Type": "Fail", "ErrorPath": text, "CausePath": text}),
    ] {
        let definition = json!({"StartAt": "S", "States": {"S": state, "E": {"Type": "Succeed"}}});
        steps::run(&definition.to_string(), input, &[]);
    }
}));
