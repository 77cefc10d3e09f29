//! Pictures of definitions, golden, and what must hold of each.

#![expect(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use serde_json::{Value, json};

fn order() -> Value {
    json!({"StartAt": "Check", "States": {
        "Check": {"Type": "Choice", "Default": "Refuse", "Choices": [
            {"Variable": "$.total", "NumericGreaterThan": 0, "Next": "Reserve"},
            {"Variable": "$.gift", "IsPresent": true, "Next": "Pack & ship"}]},
        "Reserve": {"Type": "Task", "Resource": "arn:aws:states:::baton:task.reserve", "Next": "Both",
            "Catch": [{"ErrorEquals": ["OutOfStock"], "Next": "Wait a bit"}, {"ErrorEquals": ["States.ALL"], "Next": "Refuse"}]},
        "Wait a bit": {"Type": "Wait", "Seconds": 30, "Next": "Reserve"},
        "Both": {"Type": "Parallel", "Next": "Pack & ship", "Branches": [
            {"StartAt": "Charge", "States": {"Charge": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}},
            {"StartAt": "Each item", "States": {"Each item": {"Type": "Map", "End": true, "ItemProcessor": {
                "StartAt": "Label", "States": {"Label": {"Type": "Pass", "End": true}}}}}}]},
        "Pack & ship": {"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:ship", "End": true},
        "Refuse": {"Type": "Fail", "Error": "Refused"}
    }})
}

#[test]
fn a_picture_is_the_same_to_the_byte() {
    let svg = baton_graph::svg(&order()).unwrap();
    assert_eq!(svg, baton_graph::svg(&order()).unwrap());
    insta::assert_snapshot!(svg);
}

#[test]
fn boxes_of_a_scope_do_not_touch() {
    let svg = baton_graph::svg(&order()).unwrap();
    let boxes = boxes(&svg);
    assert_eq!(boxes.len(), 9, "one for each state");
    for (at, a) in boxes.iter().enumerate() {
        for b in &boxes[..at] {
            let apart =
                a.0 + a.2 <= b.0 || b.0 + b.2 <= a.0 || a.1 + a.3 <= b.1 || b.1 + b.3 <= a.1;
            let within = |a: &Box, b: &Box| {
                a.0 >= b.0 && a.1 >= b.1 && a.0 + a.2 <= b.0 + b.2 && a.1 + a.3 <= b.1 + b.3
            };
            assert!(apart || within(a, b) || within(b, a), "{a:?} and {b:?}");
        }
    }
}

#[test]
fn two_hundred_states_with_cycles_are_drawn() {
    let states: serde_json::Map<String, Value> = (0..200)
        .map(|n| {
            let rules: Vec<Value> = [n + 1, n + 7, n / 2]
                .iter()
                .map(|to| json!({"Variable": "$.x", "NumericEquals": to, "Next": format!("S{}", to % 200)}))
                .collect();
            (format!("S{n}"), json!({"Type": "Choice", "Choices": rules}))
        })
        .collect();
    let svg = baton_graph::svg(&json!({"StartAt": "S0", "States": states})).unwrap();
    assert_eq!(boxes(&svg).len(), 200);
}

/// x, y, width, height.
type Box = (f64, f64, f64, f64);

fn boxes(svg: &str) -> Vec<Box> {
    let number = |text: &str, name: &str| -> f64 {
        let rest = &text[text.find(&format!(" {name}=\"")).unwrap() + name.len() + 3..];
        rest[..rest.find('"').unwrap()].parse().unwrap()
    };
    svg.match_indices("<rect")
        .map(|(at, _)| {
            let text = &svg[at..at + svg[at..].find("/>").unwrap()];
            (
                number(text, "x"),
                number(text, "y"),
                number(text, "width"),
                number(text, "height"),
            )
        })
        .collect()
}
