//! Histories as AWS numbers and renders them, for definitions that are not taken from recordings.

use crate::support::{START_MS, begin, commands, failure, json, tick};
use baton_machine::{Step, Stimulus, aws_history};
use serde_json::Value;

/// One line for each event that AWS shows: id, previous id, type.
fn lines(steps: &[Step]) -> Vec<String> {
    let events = steps.iter().flat_map(|step| &step.events);
    let shown = events.filter_map(|event| aws_history::to_aws(event, START_MS, "eu-west-1", true));
    shown
        .map(|e| {
            format!(
                "{} {} {}",
                e["id"],
                e["previousEventId"],
                e["type"].as_str().unwrap_or("")
            )
        })
        .collect()
}

#[test]
fn a_retried_task_in_a_branch_keeps_its_own_chain() {
    let definition = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","End":true,
            "Retry":[{"ErrorEquals":["E"],"IntervalSeconds":1}]}}},
        {"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}}]}}}"#;
    let (mut execution, step) = begin(definition, "{}");
    let mut steps = vec![step];
    steps.push(execution.handle(
        Stimulus::TaskFailed {
            task: 5,
            failure: failure("E"),
        },
        START_MS,
    ));
    steps.push(execution.handle(tick(), START_MS + 1_000));
    let task = commands(&steps[2])[0].task;
    steps.push(execution.handle(
        Stimulus::TaskSucceeded {
            task,
            output: json("1"),
        },
        START_MS,
    ));
    let expected = [
        "1 0 ExecutionStarted",
        "2 0 ParallelStateEntered",
        "3 2 ParallelStateStarted",
        "4 3 TaskStateEntered",
        "5 4 TaskScheduled",
        "6 5 TaskStarted",
        "7 3 PassStateEntered",
        "8 7 PassStateExited",
        "9 6 TaskFailed",
        "10 9 TaskScheduled",
        "11 10 TaskStarted",
        "12 11 TaskSucceeded",
        "13 12 TaskStateExited",
        "14 13 ParallelStateSucceeded",
        "15 13 ParallelStateExited",
        "16 15 ExecutionSucceeded",
    ];
    assert_eq!(lines(&steps), expected);
}

#[test]
fn an_event_is_rendered_as_the_json_protocol_has_it() {
    let definition = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a",
        "TimeoutSeconds":9,"HeartbeatSeconds":3,"End":true}}}"#;
    let (_, step) = begin(definition, r#"{"a": 1}"#);
    let scheduled = step
        .events
        .iter()
        .find(|event| event.id == 3)
        .expect("the third event");
    let shown = aws_history::to_aws(scheduled, 1_500, "eu-west-1", true).expect("AWS shows it");
    let expected: Value = serde_json::from_str(
        r#"{"timestamp":1.5,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{
            "resourceType":"baton","resource":"task.a","region":"eu-west-1","parameters":"{\"a\": 1}",
            "timeoutInSeconds":9,"heartbeatInSeconds":3}}"#,
    )
    .expect("JSON");
    assert_eq!(shown, expected);
    let bare = aws_history::to_aws(scheduled, 1_500, "eu-west-1", false).expect("AWS shows it");
    assert!(
        bare["taskScheduledEventDetails"]
            .get("parameters")
            .is_none(),
        "payloads are left out on demand"
    );
}
