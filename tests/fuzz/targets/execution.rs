//! Executions of machines built from bytes, with answers from bytes: after each step, folding its events gives the machine
//! that decided them, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/steps.rs"]
mod steps;

/// A small machine with few items.
const BYTES_MAX: usize = 64 << 20;

fuzz_target!(|bytes: &[u8]| memory::within(BYTES_MAX, || {
    let mut bytes = bytes.iter().copied();
    let mut states = Map::new();
    for number in 0..4 {
        let next = bytes.next().unwrap_or(0);
        states.insert(
            format!("S{number}"),
            state(&mut bytes, next % 5, 0, &format!("{number}")),
        );
    }
    states.insert("S4".to_owned(), json!({"Type": "Succeed"}));
    let definition = json!({"StartAt": "S0", "States": states, "TimeoutSeconds": 1_000});
    let answers: Vec<u8> = bytes.take(64).collect();
    steps::run(
        &definition.to_string(),
        r#"{"a":1,"l":[1,2,{"b":"x"}]}"#,
        &answers,
    );
}));

/// A state by the next bytes; it leads to `S{next}`, or ends its scope.
fn state(bytes: &mut impl Iterator<Item = u8>, next: u8, depth: usize, name: &str) -> Value {
    let way = |mut state: Value| {
        if depth > 0 {
            state["End"] = true.into();
        } else {
            state["Next"] = format!("S{next}").into();
        }
        state
    };
    let task = "arn:aws:states:::baton:task.work";
    match bytes.next().unwrap_or(0) % 8 {
        0 => way(json!({"Type": "Pass", "Result": [1, {"b": 2}], "ResultPath": "$.r"})),
        1 => way(json!({"Type": "Wait", "Seconds": 3})),
        2 => way(
            json!({"Type": "Task", "Resource": task, "TimeoutSeconds": 9, "HeartbeatSeconds": 4, "ResultPath": "$.t",
            "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "JitterStrategy": "FULL"}]}),
        ),
        3 => way(
            json!({"Type": "Task", "Resource": task, "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e",
            "Next": if depth > 0 { name.to_owned() } else { "S4".to_owned() }}]}),
        ),
        4 if depth < 2 => {
            let branches: Vec<Value> = (0..2)
                .map(|i| {
                    let inner = format!("{name}.{i}");
                    let state = state(bytes, 0, depth + 1, &inner);
                    json!({"StartAt": &inner, "States": {&inner: state}})
                })
                .collect();
            way(json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.p"}))
        }
        5 if depth < 2 => {
            let inner = format!("{name}.m");
            let state = state(bytes, 0, depth + 1, &inner);
            way(
                json!({"Type": "Map", "ItemsPath": "$$.Execution.Input.l", "MaxConcurrency": 2, "ResultPath": "$.m",
                "ItemSelector": {"l.$": "$$.Execution.Input.l", "i.$": "$$.Map.Item.Index"},
                "ItemProcessor": {"StartAt": &inner, "States": {&inner: state}}}),
            )
        }
        6 => json!({"Type": "Fail", "Error": "E"}),
        _ => way(
            json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $merge([$states.input, {'k': $random()}]) %}"}),
        ),
    }
}
