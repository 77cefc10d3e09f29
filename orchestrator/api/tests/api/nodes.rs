//! Two nodes: what one does not own goes to the other.

use crate::world::{STARTED_MS, World, partition};
use baton_engine::call::{Call, CallError};
use serde_json::{Value, json};
use std::sync::Arc;

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

/// A node that owns nothing, and the one that owns all.
async fn two() -> (World, World) {
    let owner = World::new().await;
    let other = World::on(owner.log.clone(), 64).await;
    other.owned_by(&owner.url);
    owner.machine("m").await;
    (other, owner)
}

#[tokio::test]
async fn calls_and_queries_are_passed_on_to_the_owner() {
    let (other, owner) = two().await;
    owner.closed(EXECUTION, STARTED_MS);
    let start = json!({"stateMachineArn": MACHINE, "name": "e", "input": "{\"a\":  1}"});
    let started = other.aws("StartExecution", start).await;
    assert_eq!(started.json()["executionArn"], EXECUTION);
    assert!(other.calls.asked.lock().unwrap().is_empty());
    {
        let asked = owner.calls.asked.lock().unwrap();
        assert!(
            matches!(&asked[0], (_, Call::Start(call)) if call.input.as_str() == "{\"a\":  1}")
        );
    }
    for (operation, body) in [
        ("DescribeExecution", json!({"executionArn": EXECUTION})),
        ("GetExecutionHistory", json!({"executionArn": EXECUTION})),
        ("ListExecutions", json!({"stateMachineArn": MACHINE})),
        ("StopExecution", json!({"executionArn": EXECUTION})),
    ] {
        let (here, there) = (
            other.aws(operation, body.clone()).await,
            owner.aws(operation, body).await,
        );
        assert_eq!(
            (here.status, here.json()),
            (200, there.json()),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn an_error_of_the_owner_comes_back_as_it_is() {
    let (other, owner) = two().await;
    owner
        .calls
        .answer_with(|_| Err(CallError::ExecutionAlreadyExists(EXECUTION.into())));
    let refused = other
        .aws(
            "StartExecution",
            json!({"stateMachineArn": MACHINE, "name": "e"}),
        )
        .await;
    assert_eq!(refused.header("x-amzn-errortype"), "ExecutionAlreadyExists");
    let unknown = other.get(&format!("/v1/executions/{EXECUTION}")).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_call_is_tried_again_while_ownership_moves() {
    let (other, owner) = two().await;
    // The owner that is hinted at has given the partition up; the second time the hint is right.
    let here = partition(EXECUTION);
    owner.cluster.owners.lock().unwrap().remove(&here);
    let cluster = owner.cluster.clone();
    let asked = tokio::spawn(async move {
        let started = other.aws(
            "StartExecution",
            json!({"stateMachineArn": MACHINE, "name": "e"}),
        );
        let moved = async {
            tokio::task::yield_now().await;
            cluster.owners.lock().unwrap().insert(here, None);
        };
        tokio::join!(started, moved).0
    });
    let started = asked.await.unwrap();
    assert_eq!(started.json()["executionArn"], EXECUTION);
    assert_eq!(owner.calls.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_is_merged_over_nodes_and_without_what_is_stale() {
    let (other, owner) = two().await;
    let arns: Vec<String> = (0..8).map(|i| format!("{EXECUTION}{i}")).collect();
    for (i, arn) in arns.iter().enumerate() {
        // Each node's views hold all of them; each owns half of the partitions.
        owner.closed(arn, STARTED_MS + i as i64);
        other.closed(arn, STARTED_MS + i as i64);
    }
    for partition in [0, 1] {
        other.cluster.owners.lock().unwrap().insert(partition, None);
        let to: Arc<str> = other.url.as_str().into();
        owner
            .cluster
            .owners
            .lock()
            .unwrap()
            .insert(partition, Some(to));
    }
    let mut listed: Vec<String> = Vec::new();
    let mut path = "/v1/executions?limit=3".to_owned();
    loop {
        let page = other.get(&path).await.json();
        assert_eq!(page.get("incomplete"), None);
        let found = page["executions"].as_array().unwrap().iter();
        listed.extend(found.map(|e| e["executionArn"].as_str().unwrap().to_owned()));
        match page.get("nextCursor").and_then(Value::as_str) {
            Some(cursor) => path = format!("/v1/executions?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(listed, arns.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_list_without_a_nodes_answer_says_that_it_is_incomplete() {
    let (other, _owner) = two().await;
    other.cluster.owners.lock().unwrap().remove(&0);
    let page = other.get("/v1/executions").await.json();
    assert_eq!(page, json!({"executions": [], "incomplete": true}));
}

#[tokio::test]
async fn a_call_for_another_nodes_partition_is_never_passed_on_twice() {
    let (other, owner) = two().await;
    owner.owned_by(&other.url);
    let call = json!({"Describe": {"execution": EXECUTION}});
    let refused = owner.post("/internal/v1/calls", call).await;
    assert_eq!(
        (refused.status, refused.header("x-baton-error")),
        (421, "NotOwner")
    );
}

/// The owner's first answer is lost, though the call was recorded; to the second it says `refused`.
fn lose_the_first_answer(owner: &World, refused: CallError) {
    let tries = std::sync::atomic::AtomicU32::new(0);
    owner.calls.answer_with(move |_| {
        let first = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
        Err(if first {
            CallError::InDoubt { partition: 0 }
        } else {
            refused.clone()
        })
    });
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_recognised_though_it_has_closed() {
    for (input, status) in [(r#"{"a": 1}"#, 200), (r#"{"other":1}"#, 400)] {
        let (other, owner) = two().await;
        owner.closed(EXECUTION, STARTED_MS);
        lose_the_first_answer(&owner, CallError::ExecutionAlreadyExists(EXECUTION.into()));
        let start = json!({"stateMachineArn": MACHINE, "name": "e", "input": input});
        let answer = other.aws("StartExecution", start).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(owner.calls.asked.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_is_recognised_in_the_history() {
    let token = baton_schemas::TaskToken::new(&Arc::from(EXECUTION), 5);
    let task = json!({"v": 1, "r": {"transition": {
    "epoch": 0, "seq": 9, "cause": {"completions": 1}, "now": STARTED_MS, "execution": EXECUTION, "events": [
        {"id": 5, "prev": 4, "e": {"TaskScheduled": {"resource": {"kind": "baton", "name": "task.t"}, "queue": "t"}}, "data": {}},
        {"id": 6, "prev": 5, "e": {"TaskStarted": {"kind": "baton", "name": "task.t"}}},
        {"id": 7, "prev": 6, "e": {"TaskSucceeded": {"kind": "baton", "name": "task.t"}}, "data": {"done":true}},
    ]}}});
    for (output, status) in [(r#"{"done":true}"#, 200), (r#"{"done":false}"#, 400)] {
        let (other, owner) = two().await;
        owner.closed(EXECUTION, STARTED_MS);
        {
            let mut executions = owner.views.executions.lock().unwrap();
            let (_, records) = executions.get_mut(EXECUTION).unwrap();
            records.push(task.to_string().into());
        }
        lose_the_first_answer(&owner, CallError::TaskTimedOut);
        let body = json!({"taskToken": token.as_str(), "output": output});
        let answer = other.aws("SendTaskSuccess", body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_refusal_without_doubt_is_believed() {
    let (other, owner) = two().await;
    owner.closed(EXECUTION, STARTED_MS);
    owner
        .calls
        .answer_with(|_| Err(CallError::ExecutionAlreadyExists(EXECUTION.into())));
    let start = json!({"stateMachineArn": MACHINE, "name": "e", "input": r#"{"a": 1}"#});
    let answer = other.aws("StartExecution", start).await;
    assert_eq!(answer.header("x-amzn-errortype"), "ExecutionAlreadyExists");
}
