//! Each type of event, in some execution.

use crate::support::{START_MS, begin, failure, json, program, start};
use baton_machine::{Effect, Execution, Limits, Status, Step, Stimulus, aws_history};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is done with the tasks of an execution.
#[derive(Clone, Copy)]
enum Answer {
    Success,
    Failure,
    Silence,
}

/// Runs a machine to its end, or until nothing happens, and adds the types of its events.
fn run(states: Value, input: Value, answer: Answer, seen: &mut BTreeSet<&'static str>) {
    let mut definition = json!({"StartAt": "A", "States": states});
    if matches!(answer, Answer::Silence) {
        definition["TimeoutSeconds"] = 50.into();
    }
    let program = program(&definition.to_string());
    let (mut execution, mut step) = Execution::start(
        program,
        start(&input.to_string()),
        START_MS,
        Limits::default(),
    );
    let mut now_ms = START_MS;
    let mut open = Vec::new();
    for _ in 0..1_000 {
        see(&step, seen);
        open.extend(step.effects.iter().filter_map(|effect| match effect {
            Effect::Command(command) => Some(command.task),
            _ => None,
        }));
        if execution.status() != Status::Running {
            return;
        }
        let stimulus = match (open.pop(), answer) {
            (Some(task), Answer::Success) => Stimulus::TaskSucceeded {
                task,
                output: json("{}"),
            },
            (Some(task), Answer::Failure) => Stimulus::TaskFailed {
                task,
                failure: failure("E"),
            },
            _ => match execution.next_due_ms(now_ms) {
                Some(due_ms) => {
                    now_ms = now_ms.max(due_ms);
                    Stimulus::Tick {
                        heartbeats_since_ms: now_ms,
                    }
                }
                None => return,
            },
        };
        step = execution.handle(stimulus, now_ms);
    }
}

fn see(step: &Step, seen: &mut BTreeSet<&'static str>) {
    let shown = step.events.iter().filter(|event| !event.kind.is_internal());
    seen.extend(shown.map(|event| aws_history::type_name(&event.kind)));
}

fn task(resource: &str, more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": resource, "End": true});
    for (name, value) in more.as_object().expect("fields") {
        state[name.as_str()] = value.clone();
    }
    json!({"A": state})
}

#[test]
fn every_type_of_event_is_written() {
    let mut seen = BTreeSet::new();
    let (service, function, activity) = (
        "arn:aws:states:::sqs:sendMessage",
        "arn:aws:lambda:us-east-1:000000000000:function:f",
        "arn:aws:states:us-east-1:000000000000:activity:a",
    );
    for resource in [service, function, activity] {
        let timed = json!({"TimeoutSeconds": 5});
        run(
            task(resource, json!({})),
            json!({}),
            Answer::Success,
            &mut seen,
        );
        run(
            task(resource, json!({})),
            json!({}),
            Answer::Failure,
            &mut seen,
        );
        run(task(resource, timed), json!({}), Answer::Silence, &mut seen);
    }
    let scope = |name: &str, state: Value| json!({"StartAt": name, "States": {name: state}});
    let work = json!({"Type": "Task", "Resource": service, "End": true});
    let wait = json!({"Type": "Wait", "Seconds": 9, "End": true});
    let map = json!({"A": {"Type": "Map", "End": true, "ItemProcessor": scope("I", work.clone())}});
    for answer in [Answer::Success, Answer::Failure] {
        let branches = json!([
            scope("B", work.clone()),
            scope("C", wait.clone()),
            scope("D", work.clone())
        ]);
        run(
            json!({"A": {"Type": "Parallel", "End": true, "Branches": branches}}),
            json!({}),
            answer,
            &mut seen,
        );
        run(map.clone(), json!([1, 2]), answer, &mut seen);
    }
    let inner_map = json!({"Type": "Map", "End": true, "ItemsPath": "$.l", "ItemProcessor": scope("J", wait.clone())});
    let inner_parallel = json!({"Type": "Parallel", "End": true, "Branches": [scope("K", wait)]});
    let branches = json!([
        scope("B", work),
        scope("C", inner_map),
        scope("D", inner_parallel)
    ]);
    run(
        json!({"A": {"Type": "Parallel", "End": true, "Branches": branches}}),
        json!({"l": [1]}),
        Answer::Failure,
        &mut seen,
    );
    run(
        json!({
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Wait", "Seconds": 1, "Next": "C"},
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "D"}], "Default": "E"},
            "D": {"Type": "Succeed"},
            "E": {"Type": "Fail"}}),
        json!({"x": 1}),
        Answer::Success,
        &mut seen,
    );
    run(
        json!({"A": {"Type": "Fail"}}),
        json!({}),
        Answer::Success,
        &mut seen,
    );
    run(
        json!({"A": {"Type": "Succeed", "QueryLanguage": "JSONata", "Output": "{% $none %}"}}),
        json!({}),
        Answer::Success,
        &mut seen,
    );
    run(
        task(service, json!({})),
        json!({}),
        Answer::Silence,
        &mut seen,
    );
    let (mut execution, step) = begin(&json!({"StartAt": "A", "States": task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", json!({}))}).to_string(), "{}");
    see(&step, &mut seen);
    see(
        &execution.handle(
            Stimulus::TaskSubmitted {
                task: 3,
                output: json("{}"),
            },
            START_MS,
        ),
        &mut seen,
    );
    see(
        &execution.handle(Stimulus::Stop(failure("E")), START_MS),
        &mut seen,
    );

    let document = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/language-coverage.md"
    ))
    .expect("the document");
    let promised: Vec<&str> = document
        .lines()
        .filter(|line| line.contains("events.rs::every_type_of_event_is_written"))
        .filter_map(|line| line.split('`').nth(1))
        .collect();
    assert!(promised.len() > 50, "{promised:?}");
    let missing: Vec<&&str> = promised
        .iter()
        .filter(|name| !seen.contains(*name))
        .collect();
    assert!(missing.is_empty(), "never written: {missing:?}");
}
