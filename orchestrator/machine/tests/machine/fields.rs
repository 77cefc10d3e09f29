//! What single fields do, in executions of one state and its neighbours.

use crate::support::{START_MS, program, start};
use baton_machine::{Effect, Execution, Limits, Status};
use serde_json::{Value, json};

/// Runs a machine that calls nothing; its output, or error and cause.
fn run(states: Value, input: Value) -> Result<Value, (String, String)> {
    let definition = json!({"StartAt": "A", "States": states});
    run_machine(&definition, &input)
}

fn run_machine(definition: &Value, input: &Value) -> Result<Value, (String, String)> {
    let program = program(&definition.to_string());
    let (execution, mut step) = Execution::start(
        program,
        start(&input.to_string()),
        START_MS,
        Limits::default(),
    );
    assert_ne!(execution.status(), Status::Running);
    let Some(Effect::Closed(closing)) = step.effects.pop() else {
        panic!("not closed: {step:?}")
    };
    match closing.output {
        Some(output) => Ok(output.to_value()),
        None => {
            let failure = closing.failure;
            let text = |text: Option<std::sync::Arc<str>>| text.unwrap_or_default().to_string();
            Err((text(failure.error), text(failure.cause)))
        }
    }
}

fn pass(fields: Value) -> Value {
    let mut state = json!({"Type": "Pass", "End": true});
    for (name, value) in fields.as_object().expect("fields") {
        state[name.as_str()] = value.clone();
    }
    json!({"A": state})
}

#[test]
fn data_flows_through_the_fields_of_jsonpath() {
    let input = json!({"a": {"b": 1}, "c": [1, 2]});
    let gives = |fields: Value, output: Value| {
        assert_eq!(
            run(pass(fields.clone()), input.clone()),
            Ok(output),
            "{fields}"
        )
    };
    gives(json!({"InputPath": "$.a"}), json!({"b": 1}));
    gives(json!({"InputPath": null}), json!({}));
    gives(json!({"OutputPath": "$.c[1]"}), json!(2));
    gives(json!({"OutputPath": null}), json!({}));
    gives(json!({"Result": 5}), json!(5));
    gives(
        json!({"Result": 5, "ResultPath": "$.a.r"}),
        json!({"a": {"b": 1, "r": 5}, "c": [1, 2]}),
    );
    gives(json!({"Result": 5, "ResultPath": null}), input.clone());
    gives(
        json!({"Parameters": {"x.$": "$.a.b", "y.$": "$$.State.Name", "past.$": "$.c[7]"}}),
        json!({"x": 1, "y": "A", "past": null}),
    );
    gives(json!({"Assign": {"v.$": "$.a"}}), input.clone());
}

#[test]
fn data_flows_through_the_fields_of_jsonata() {
    let jsonata = |mut states: Value| {
        for state in states.as_object_mut().expect("states").values_mut() {
            state["QueryLanguage"] = "JSONata".into();
        }
        run(states, json!({"n": 2, "items": [3, 4]}))
    };
    assert_eq!(
        jsonata(pass(
            json!({"Output": {"m": "{% $states.input.n * 2 %}", "k": "v"}})
        )),
        Ok(json!({"m": 4, "k": "v"}))
    );
    let swap = json!({
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": 2}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": "{% $y %}", "y": "{% $x %}"}, "Next": "C"},
        "C": {"Type": "Succeed", "Output": "{% [$x, $y] %}"},
    });
    assert_eq!(jsonata(swap), Ok(json!([2, 1])));
    let map = json!({"A": {"Type": "Map", "Items": "{% $states.input.items %}", "MaxConcurrency": "{% 1 %}", "End": true,
        "ItemSelector": {"i": "{% $states.context.Map.Item.Index %}", "v": "{% $states.context.Map.Item.Value + $states.input.n %}"},
        "Output": "{% $states.result.v %}",
        "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "QueryLanguage": "JSONata", "End": true}}}}});
    assert_eq!(jsonata(map), Ok(json!([5, 6])));
    let choice = json!({
        "A": {"Type": "Choice", "Default": "B", "Choices": [
            {"Condition": "{% $states.input.n > 5 %}", "Next": "B"},
            {"Condition": "{% $states.input.n = 2 %}", "Output": "{% 'two' %}", "Assign": {"v": 1}, "Next": "B"}]},
        "B": {"Type": "Succeed", "Output": "{% $states.input & $string($v) %}"},
    });
    assert_eq!(jsonata(choice), Ok(json!("two1")));
    let fail =
        json!({"A": {"Type": "Fail", "Error": "{% 'E' & $states.input.n %}", "Cause": "why"}});
    assert_eq!(jsonata(fail), Err(("E2".to_owned(), "why".to_owned())));
    let wait =
        json!({"A": {"Type": "Wait", "Seconds": "{% 0 %}", "Output": "{% 1 %}", "End": true}});
    assert_eq!(jsonata(wait), Ok(json!(1)));
}

#[test]
fn what_fails_is_told_as_aws_tells_it() {
    let fails = |states: Value, input: Value, error: &str, cause: &str| {
        let cause = format!(
            "An error occurred while executing the state 'A' (entered at the event id #2). {cause}"
        );
        assert_eq!(run(states, input), Err((error.to_owned(), cause)));
    };
    fails(
        pass(json!({"Parameters": {"v.$": "$.nope.deep"}})),
        json!({"other": 1}),
        "States.Runtime",
        "The JSONPath '$.nope.deep' specified for the field 'v.$' could not be found in the input '{\"other\":1}'",
    );
    fails(
        pass(json!({"Parameters": {"v.$": "States.Format('{}', States.Format('{}', $.nope))"}})),
        json!({"other": 1}),
        "States.Runtime",
        "The function 'States.Format('{}', States.Format('{}', $.nope))' had the following error: The JsonPath argument for the field \
         '$.nope' could not be found in the input '{\"other\":1}'",
    );
    fails(
        pass(json!({"Parameters": {"v.$": "States.Format('{}', $$.Nope)"}})),
        json!({"other": 1}),
        "States.Runtime",
        "The function 'States.Format('{}', $$.Nope)' had the following error: The JsonPath argument for the field '$.Nope' could not be \
         found in the input '{\"other\":1}'",
    );
    fails(
        pass(json!({"Parameters": {"v.$": "States.Format('{}', $.other[0])"}})),
        json!({"other": 1}),
        "States.Runtime",
        "The function 'States.Format('{}', $.other[0])' had the following error: Filter: [0] can only be applied to arrays. Current \
         context is: 1",
    );
    fails(
        json!({"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "B"}]}, "B": {"Type": "Succeed"}}),
        json!({"a": 2}),
        "States.Runtime",
        "Failed to transition out of the state. The state does not point to a next state.",
    );
    fails(
        json!({"A": {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": "{% $states.input.none %}", "Next": "B"}]},
            "B": {"Type": "Succeed"}}),
        json!({}),
        "States.QueryEvaluationError",
        "The JSONata expression '$states.input.none' specified for the field 'Choices[0]/Condition' returned nothing (undefined).",
    );
}

#[test]
fn a_template_of_raw_input_shows_it_with_its_blanks() {
    let definition = json!({"StartAt": "A", "States": pass(json!({"Parameters": {"v.$": "$.x"}}))});
    let (_, step) = Execution::start(
        program(&definition.to_string()),
        start("{ \"a\" :  1 }"),
        START_MS,
        Limits::default(),
    );
    let cause = format!("{:?}", step.events.last().map(|event| &event.kind));
    assert!(
        cause.contains(r#"in the input '{ \\\"a\\\" :  1 }'"#)
            || cause.contains(r#"in the input '{ \"a\" :  1 }'"#),
        "{cause}"
    );
}

#[test]
fn a_lost_heartbeat_is_caught_under_either_name() {
    for name in ["States.HeartbeatTimeout", "States.Timeout"] {
        let definition = json!({"StartAt": "A", "States": {
            "A": {"Type": "Task", "Resource": "arn:aws:states:::baton:task.work", "HeartbeatSeconds": 5, "End": true,
                "Catch": [{"ErrorEquals": [name], "Next": "B"}]},
            "B": {"Type": "Succeed"}}});
        let program = program(&definition.to_string());
        let (mut execution, _) =
            Execution::start(program, start("{}"), START_MS, Limits::default());
        let tick = baton_machine::Stimulus::Tick {
            heartbeats_since_ms: START_MS,
        };
        let step = execution.handle(tick, START_MS + 5_000);
        assert_eq!(execution.status(), Status::Succeeded, "{name}: {step:?}");
        let output = step
            .events
            .last()
            .and_then(|event| event.data.clone())
            .expect("an output");
        assert_eq!(
            output.to_value(),
            json!({"Error": "States.Timeout", "Cause": ""})
        );
    }
}
