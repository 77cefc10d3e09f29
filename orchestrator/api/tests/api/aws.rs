//! The AWS JSON protocol.

use crate::world::{ROLE, STARTED_MS, World, partition, pretty, task};
use baton_engine::call::{Call, CallError};
use baton_schemas::registry::{RegistryBody, RegistryEntry, StateMachineEntry};
use baton_schemas::{Outcome, TaskToken};
use serde_json::{Value, json};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

fn create(name: &str, definition: &Value, role: &str) -> Value {
    json!({"name": name, "definition": definition.to_string(), "roleArn": role})
}

fn other_task() -> Value {
    let mut definition = task();
    definition["Comment"] = "another".into();
    definition
}

#[tokio::test]
async fn a_machine_is_described_as_it_was_created() {
    let world = World::new().await;
    let created = world
        .aws("CreateStateMachine", create("m", &task(), ROLE))
        .await;
    assert_eq!(created.status, 200);
    assert_eq!(created.header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(created.header("x-amzn-requestid").len(), 36);
    assert_eq!(*world.queues.ensured.lock().unwrap(), ["work".into()]);
    let machine = world
        .aws("DescribeStateMachine", json!({"stateMachineArn": MACHINE}))
        .await
        .json();
    assert_eq!(machine["definition"], task().to_string());
    assert_eq!(machine["creationDate"], created.json()["creationDate"]);
    assert!(machine["creationDate"].is_f64());
    assert_eq!(machine.get("revisionId"), None);
    let metadata = json!({"stateMachineArn": MACHINE, "includedData": "METADATA_ONLY"});
    let metadata = world.aws("DescribeStateMachine", metadata).await.json();
    assert_eq!(metadata.get("definition"), None);
}

#[tokio::test]
async fn creation_is_idempotent_on_definition_and_not_on_role() {
    let world = World::new().await;
    let first = world
        .aws("CreateStateMachine", create("m", &task(), ROLE))
        .await;
    let again = world
        .aws(
            "CreateStateMachine",
            create("m", &task(), "arn:aws:iam::1:role/b"),
        )
        .await;
    assert_eq!(again.json(), first.json());
    let other = world
        .aws("CreateStateMachine", create("m", &other_task(), ROLE))
        .await;
    assert_eq!(other.status, 400);
    assert_eq!(
        other.header("x-amzn-errortype"),
        "StateMachineAlreadyExists"
    );
    assert_eq!(
        other.json()["message"],
        format!("State Machine Already Exists: '{MACHINE}'")
    );
}

#[tokio::test]
async fn an_update_makes_a_revision_unless_nothing_changes() {
    let world = World::new().await;
    world.machine("m").await;
    let update = json!({"stateMachineArn": MACHINE, "definition": other_task().to_string()});
    let first = world.aws("UpdateStateMachine", update.clone()).await.json();
    assert!(
        first["revisionId"].is_string() && first["updateDate"].is_f64(),
        "{first}"
    );
    let same = world.aws("UpdateStateMachine", update).await.json();
    assert_eq!(same, first);
    let role = json!({"stateMachineArn": MACHINE, "roleArn": "arn:aws:iam::1:role/b"});
    let changed = world.aws("UpdateStateMachine", role).await.json();
    assert_ne!(changed["revisionId"], first["revisionId"]);
    let machine = world
        .aws("DescribeStateMachine", json!({"stateMachineArn": MACHINE}))
        .await
        .json();
    assert_eq!(machine["revisionId"], changed["revisionId"]);
    assert_eq!(machine["roleArn"], "arn:aws:iam::1:role/b");
}

#[tokio::test]
async fn a_write_that_another_writer_beats_is_decided_again() {
    let world = World::new().await;
    let entry = |definition: Value| RegistryEntry {
        v: 1,
        arn: MACHINE.into(),
        based_on: None,
        attempt: "intruder".into(),
        time_ms: 0,
        body: RegistryBody::StateMachine(StateMachineEntry {
            name: "m".into(),
            definition: definition.to_string().into(),
            role_arn: ROLE.into(),
            kind: "STANDARD".into(),
            created_ms: 0,
            settings: json!({}),
            search_attributes: Default::default(),
        }),
    };
    world.log.intruders.lock().unwrap().push(entry(task()));
    let same = world
        .aws("CreateStateMachine", create("m", &task(), ROLE))
        .await;
    assert_eq!(
        same.json(),
        json!({"stateMachineArn": MACHINE, "creationDate": 0.0})
    );

    let world = World::new().await;
    world
        .log
        .intruders
        .lock()
        .unwrap()
        .push(entry(other_task()));
    let other = world
        .aws("CreateStateMachine", create("m", &task(), ROLE))
        .await;
    assert_eq!(
        other.header("x-amzn-errortype"),
        "StateMachineAlreadyExists"
    );
}

#[tokio::test]
async fn a_deleted_machine_is_gone_and_its_name_free() {
    let world = World::new().await;
    world.machine("m").await;
    for _ in 0..2 {
        let deleted = world
            .aws("DeleteStateMachine", json!({"stateMachineArn": MACHINE}))
            .await;
        assert_eq!((deleted.status, deleted.json()), (200, json!({})));
    }
    let gone = world
        .aws("DescribeStateMachine", json!({"stateMachineArn": MACHINE}))
        .await;
    assert_eq!(gone.header("x-amzn-errortype"), "StateMachineDoesNotExist");
    world.machine("m").await;
}

#[tokio::test]
async fn machines_are_listed_in_pages() {
    let world = World::new().await;
    for name in ["c", "a", "b"] {
        world.machine(name).await;
    }
    let first = world
        .aws("ListStateMachines", json!({"maxResults": 2}))
        .await
        .json();
    let names = |page: &Value| -> Vec<String> {
        let machines = page["stateMachines"].as_array().unwrap().iter();
        machines
            .map(|m| m["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["a", "b"]);
    let next = json!({"maxResults": 2, "nextToken": first["nextToken"]});
    let second = world.aws("ListStateMachines", next).await.json();
    assert_eq!(names(&second), ["c"]);
    assert_eq!(second.get("nextToken"), None);
}

#[tokio::test]
async fn a_start_goes_to_the_owner_of_its_partition() {
    let world = World::new().await;
    world.machine("m").await;
    let start = json!({"stateMachineArn": MACHINE, "name": "e", "input": "{\"a\": 1}"});
    let started = world.aws("StartExecution", start).await;
    let expected = json!({"executionArn": EXECUTION, "startDate": STARTED_MS as f64 / 1_000.0});
    assert_eq!(started.json(), expected);
    let asked = world.calls.asked.lock().unwrap();
    let [(to, Call::Start(call))] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(*to, partition(EXECUTION));
    assert_eq!(
        (&*call.execution, call.input.as_str()),
        (EXECUTION, "{\"a\": 1}")
    );
    assert_eq!(call.definition.revision, 0);
    assert_eq!(call.traceparent.as_ref().unwrap().len(), 55);
}

#[tokio::test]
async fn a_start_without_name_and_input_gets_both() {
    let world = World::new().await;
    world.machine("m").await;
    let start = json!({"stateMachineArn": MACHINE});
    let first = world.aws("StartExecution", start.clone()).await.json();
    let second = world.aws("StartExecution", start).await.json();
    assert_ne!(first["executionArn"], second["executionArn"]);
    let asked = world.calls.asked.lock().unwrap();
    assert!(matches!(&asked[0].1, Call::Start(call) if call.input.as_str() == "{}"));
}

#[tokio::test]
async fn an_execution_is_described_from_its_history() {
    let world = World::new().await;
    world.closed(EXECUTION, STARTED_MS);
    let body = json!({"executionArn": EXECUTION});
    let described = world.aws("DescribeExecution", body.clone()).await.json();
    insta::assert_snapshot!(pretty(&described));
    let stopped = world.aws("StopExecution", body).await.json();
    assert_eq!(
        stopped,
        json!({"stopDate": (STARTED_MS + 1_000) as f64 / 1_000.0})
    );
}

#[tokio::test]
async fn the_history_comes_in_pages_in_both_directions() {
    let world = World::new().await;
    world.closed(EXECUTION, STARTED_MS);
    let ids = |page: &Value| -> Vec<u64> {
        let events = page["events"].as_array().unwrap().iter();
        events.map(|e| e["id"].as_u64().unwrap()).collect()
    };
    for (reverse, expected) in [
        (false, [vec![1, 2, 3], vec![4]]),
        (true, [vec![4, 3, 2], vec![1]]),
    ] {
        let mut body = json!({"executionArn": EXECUTION, "maxResults": 3, "reverseOrder": reverse});
        let first = world.aws("GetExecutionHistory", body.clone()).await.json();
        body["nextToken"] = first["nextToken"].clone();
        let second = world.aws("GetExecutionHistory", body).await.json();
        assert_eq!([ids(&first), ids(&second)], expected);
        assert_eq!(second.get("nextToken"), None);
    }
    let whole = world
        .aws("GetExecutionHistory", json!({"executionArn": EXECUTION}))
        .await
        .json();
    assert_eq!(ids(&whole), [1, 2, 3, 4]);
    assert_eq!(whole.get("nextToken"), None);
    assert_eq!(whole["events"][0]["type"], "ExecutionStarted");
}

#[tokio::test]
async fn executions_are_listed_in_pages_newest_first() {
    let world = World::new().await;
    world.machine("m").await;
    let arns: Vec<String> = (0..5).map(|i| format!("{EXECUTION}{i}")).collect();
    for (i, arn) in arns.iter().enumerate() {
        world.closed(arn, STARTED_MS + i as i64);
    }
    let mut listed: Vec<String> = Vec::new();
    let mut body = json!({"stateMachineArn": MACHINE, "maxResults": 2});
    loop {
        let page = world.aws("ListExecutions", body.clone()).await.json();
        let found = page["executions"].as_array().unwrap().iter();
        listed.extend(found.map(|e| e["executionArn"].as_str().unwrap().to_owned()));
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(listed, arns.into_iter().rev().collect::<Vec<_>>());
    let running = json!({"stateMachineArn": MACHINE, "statusFilter": "RUNNING"});
    assert_eq!(
        world.aws("ListExecutions", running).await.json(),
        json!({"executions": []})
    );
}

#[tokio::test]
async fn tasks_are_answered_by_token() {
    let world = World::new().await;
    let token = TaskToken::new(EXECUTION, 3);
    let calls = [
        (
            "SendTaskSuccess",
            json!({"taskToken": token.as_str(), "output": "[1]"}),
        ),
        (
            "SendTaskFailure",
            json!({"taskToken": token.as_str(), "error": "No"}),
        ),
        ("SendTaskHeartbeat", json!({"taskToken": token.as_str()})),
    ];
    for (operation, body) in calls {
        let answer = world.aws(operation, body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({})));
    }
    let asked = world.calls.asked.lock().unwrap();
    let outcomes: Vec<&Outcome> = asked
        .iter()
        .map(|(to, call)| match call {
            Call::Complete { outcome, .. } if *to == partition(EXECUTION) => outcome,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(outcomes[0], Outcome::Succeeded(output) if output.as_str() == "[1]"));
    assert!(
        matches!(outcomes[1], Outcome::Failed(failure) if failure.error.as_deref() == Some("No"))
    );
    assert!(matches!(outcomes[2], Outcome::Heartbeat(None)));
}

#[tokio::test]
async fn what_owners_refuse_is_named_as_aws_names_it() {
    let world = World::new().await;
    world.machine("m").await;
    let start = json!({"stateMachineArn": MACHINE, "name": "e"});
    let refusals = [
        (
            CallError::ExecutionAlreadyExists(EXECUTION.into()),
            "ExecutionAlreadyExists",
        ),
        (
            CallError::Throttled("too many open executions"),
            "ThrottlingException",
        ),
        (
            CallError::TooLarge { bytes: 9, limit: 8 },
            "ValidationException",
        ),
    ];
    for (refusal, name) in refusals {
        world.calls.answer_with(move |_| Err(refusal.clone()));
        let answer = world.aws("StartExecution", start.clone()).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (400, name)
        );
    }
}

#[tokio::test]
async fn a_definition_is_validated_without_being_stored() {
    let world = World::new().await;
    let good = json!({"definition": task().to_string()});
    let good = world
        .aws("ValidateStateMachineDefinition", good)
        .await
        .json();
    assert_eq!(
        good,
        json!({"result": "OK", "diagnostics": [], "truncated": false})
    );
    let bad = json!({"definition": "{\"StartAt\": \"A\"}"});
    let bad = world
        .aws("ValidateStateMachineDefinition", bad)
        .await
        .json();
    assert_eq!(bad["result"], "FAIL");
    assert_eq!(bad["diagnostics"][0]["severity"], "ERROR");
    let listed = world.aws("ListStateMachines", json!({})).await.json();
    assert_eq!(listed, json!({"stateMachines": []}));
}

#[tokio::test]
async fn a_state_is_tested_with_a_mock() {
    let world = World::new().await;
    let definition = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"a.$": "$.x"},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2}], "Next": "N"});
    let call = json!({
        "definition": definition.to_string(), "input": "{\"x\": 1}", "inspectionLevel": "DEBUG",
        "mock": {"errorOutput": {"error": "Busy", "cause": "later"}},
        "stateConfiguration": {"retrierRetryCount": 1},
    });
    let answer = world.aws("TestState", call.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["status"], "RETRIABLE");
    assert_eq!(
        answer["inspectionData"]["errorDetails"],
        json!({"retryIndex": 0, "retryBackoffIntervalSeconds": 4})
    );
    let mut both = call.clone();
    both["mock"]["result"] = "{}".into();
    let refused = world.aws("TestState", both).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("ValidationException"),
        "{}",
        refused.text
    );
    let mut wrong = call;
    wrong["mock"] = json!({"result": "{\"MessageId\": 1}"});
    let refused = world.aws("TestState", wrong).await;
    assert!(
        refused.text.contains("Field 'MessageId' must be a string"),
        "{}",
        refused.text
    );
}
