//! Redrive, pause and Express executions: what owners are asked, and AWS's shapes of what they say.

use crate::world::{ROLE, STARTED_MS, World};
use baton_engine::call::{Call, CallError};
use serde_json::json;

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

#[tokio::test]
async fn a_redrive_goes_to_the_owner_with_its_token() {
    let world = World::new().await;
    let call = json!({"executionArn": EXECUTION, "clientToken": "one"});
    let answer = world.aws("RedriveExecution", call).await;
    let redrive_ms = STARTED_MS + 2_000;
    assert_eq!(
        answer.json()["redriveDate"],
        json!(redrive_ms as f64 / 1_000.0)
    );
    world
        .aws("RedriveExecution", json!({"executionArn": EXECUTION}))
        .await;
    let asked = world.calls.asked.lock().unwrap();
    let tokens: Vec<_> = asked
        .iter()
        .filter_map(|(_, call)| match call {
            Call::Redrive { token, .. } => token.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(&*tokens[0], "one");
    assert!(tokens[1].len() > 8, "without a token, one is made");
}

#[tokio::test]
async fn refusals_have_awss_names() {
    let world = World::new().await;
    let refusals = [
        (
            CallError::ExecutionNotRedrivable("no"),
            "ExecutionNotRedrivable",
        ),
        (
            CallError::ExecutionLimitExceeded(3),
            "ExecutionLimitExceeded",
        ),
        (
            CallError::ExecutionDoesNotExist(EXECUTION.into()),
            "ExecutionDoesNotExist",
        ),
    ];
    for (refusal, name) in refusals {
        world.calls.answer_with(move |_| Err(refusal.clone()));
        let answer = world
            .aws("RedriveExecution", json!({"executionArn": EXECUTION}))
            .await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, name)
        );
    }
    let express = "arn:aws:states:us-east-1:000000000000:express:m:e:1";
    let answer = world
        .aws("RedriveExecution", json!({"executionArn": express}))
        .await;
    assert_eq!(answer.header("x-amzn-errortype"), "InvalidArn");
}

#[tokio::test]
async fn pauses_are_asked_for_over_rest() {
    let world = World::new().await;
    let paused = world.post("/v1/executions/m:e/pause", json!({})).await;
    assert_eq!(
        (paused.status, &paused.json()["paused"]),
        (200, &json!(true))
    );
    assert!(paused.json()["pausedDate"].is_string());
    let resumed = world.post("/v1/executions/m:e/resume", json!({})).await;
    assert_eq!(resumed.json(), json!({"paused": false}));
    world
        .calls
        .answer_with(|_| Err(CallError::ExecutionClosed(EXECUTION.into())));
    let closed = world.post("/v1/executions/m:e/pause", json!({})).await;
    assert_eq!(
        (closed.status, &closed.json()["title"]),
        (409, &json!("ExecutionClosed"))
    );
}

#[tokio::test]
async fn a_synchronous_execution_is_asked_for_once_and_shown_as_aws_does() {
    let world = World::new().await;
    let machine = json!({"name": "m", "definition": r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#,
        "roleArn": ROLE, "type": "EXPRESS"});
    world.aws("CreateStateMachine", machine).await;
    let start = json!({"stateMachineArn": MACHINE, "name": "n", "input": "7"});
    let done = world.aws("StartSyncExecution", start.clone()).await.json();
    assert_eq!(
        (&done["status"], &done["name"], &done["output"]),
        (&json!("SUCCEEDED"), &json!("n"), &json!("7"))
    );
    let arn = done["executionArn"].as_str().unwrap();
    assert!(arn.starts_with("arn:aws:states:us-east-1:000000000000:express:m:n:"));
    let billed = json!({"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 200});
    assert_eq!(done["billingDetails"], billed);
    let partition = 0;
    world
        .calls
        .answer_with(move |_| Err(CallError::InDoubt { partition }));
    let before = world.calls.asked.lock().unwrap().len();
    let lost = world.aws("StartSyncExecution", start).await;
    assert_eq!(lost.header("x-amzn-errortype"), "ServiceUnavailable");
    assert_eq!(
        world.calls.asked.lock().unwrap().len(),
        before + 1,
        "at most once"
    );
    let listed = world
        .aws("ListExecutions", json!({"stateMachineArn": MACHINE}))
        .await;
    assert_eq!(
        listed.header("x-amzn-errortype"),
        "StateMachineTypeNotSupported"
    );
}
