//! The REST API.

use crate::world::{ROLE, STARTED_MS, World, pretty, task};
use baton_engine::call::Call;
use baton_schemas::TaskToken;
use serde_json::{Value, json};

const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

#[tokio::test]
async fn a_machine_is_created_described_updated_and_deleted() {
    let world = World::new().await;
    let body = json!({"name": "m", "definition": task(), "roleArn": ROLE});
    let created = world.post("/v1/state-machines", body.clone()).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, "/v1/state-machines/m")
    );
    assert_eq!(world.post("/v1/state-machines", body).await.status, 200);
    let machine = world.get("/v1/state-machines/m").await.json();
    assert_eq!(machine["definition"], task());
    let arn = machine["stateMachineArn"].as_str().unwrap();
    assert_eq!(
        world.get(&format!("/v1/state-machines/{arn}")).await.json(),
        machine
    );
    let update = json!({"definition": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}});
    let updated = world
        .send("PUT", "/v1/state-machines/m", &[], update.to_string())
        .await;
    assert_eq!(
        (updated.status, updated.json()["revision"].as_u64()),
        (200, Some(1))
    );
    let deleted = world
        .send("DELETE", "/v1/state-machines/m", &[], String::new())
        .await;
    assert_eq!((deleted.status, &*deleted.text), (204, ""));
    assert_eq!(world.get("/v1/state-machines/m").await.status, 404);
}

#[tokio::test]
async fn an_execution_is_started_with_name_input_and_trace() {
    let world = World::new().await;
    world.machine("m").await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let path = "/v1/state-machines/m/executions";
    let headers = [("traceparent", trace), ("idempotency-key", "\"e\"")];
    let started = world
        .send(
            "POST",
            path,
            &headers,
            json!({"input": {"b": [1.0]}}).to_string(),
        )
        .await;
    assert_eq!(started.status, 201, "{}", started.text);
    let expected =
        json!({"executionArn": EXECUTION, "name": "e", "startDate": "2023-11-14T22:13:20.250Z"});
    assert_eq!(started.json(), expected);
    let empty = world.send("POST", path, &[], String::new()).await;
    assert_eq!(empty.status, 201, "{}", empty.text);
    let asked = world.calls.asked.lock().unwrap();
    let Call::Start(call) = &asked[0].1 else {
        panic!("{asked:?}");
    };
    assert_eq!(call.input.as_str(), r#"{"b":[1.0]}"#);
    assert_eq!(call.traceparent.as_deref(), Some(trace));
}

#[tokio::test]
async fn an_execution_is_described_listed_and_its_history_read() {
    let world = World::new().await;
    world.machine("m").await;
    world.closed(EXECUTION, STARTED_MS);
    let path = format!("/v1/executions/{EXECUTION}");
    insta::assert_snapshot!("described", pretty(&world.get(&path).await.json()));
    let history = world
        .get(&format!("{path}/history?limit=1&data=true"))
        .await
        .json();
    insta::assert_snapshot!("history", pretty(&history));
    let next = history["nextCursor"].as_str().unwrap();
    let rest = world
        .get(&format!("{path}/history?cursor={next}"))
        .await
        .json();
    assert_eq!(rest["events"].as_array().map(Vec::len), Some(3));
    insta::assert_snapshot!(
        "listed",
        pretty(
            &world
                .get("/v1/executions?machine=m&status=SUCCEEDED")
                .await
                .json()
        )
    );
    let stopped = world
        .post(&format!("{path}/stop"), json!({"error": "Enough"}))
        .await;
    assert_eq!(
        stopped.json(),
        json!({"stopDate": "2023-11-14T22:13:21.250Z"})
    );
}

#[tokio::test]
async fn tasks_are_answered_over_rest() {
    let world = World::new().await;
    let token = TaskToken::new(EXECUTION, 3);
    let calls = [
        ("success", json!({"output": {"x": null}})),
        ("failure", json!({"error": "No", "cause": "way"})),
        ("heartbeat", json!({})),
    ];
    for (verb, body) in calls {
        let answer = world
            .post(&format!("/v1/tasks/{}/{verb}", token.as_str()), body)
            .await;
        assert_eq!((answer.status, &*answer.text), (204, ""));
    }
    assert_eq!(world.calls.asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn readiness_names_its_reasons() {
    let world = World::new().await;
    assert_eq!(world.get("/readyz").await.status, 200);
    world
        .cluster
        .troubles
        .lock()
        .unwrap()
        .push("partition 3 is being read".to_owned());
    world.app.drain();
    let answer = world.get("/readyz").await;
    assert_eq!(answer.status, 503);
    let reasons = json!(["the node is shutting down", "partition 3 is being read"]);
    assert_eq!(answer.json()["reasons"], reasons);
    assert_eq!(world.get("/livez").await.status, 200);
}

#[tokio::test]
async fn metrics_count_operations_and_hold_no_ids() {
    let world = World::new().await;
    world.machine("a-name").await;
    world.get("/v1/state-machines/nobody").await;
    let metrics = world.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain"));
    let expected = [
        r#"baton_http_requests_total{protocol="aws",operation="CreateStateMachine",result="ok"} 1"#,
        r#"baton_http_requests_total{protocol="rest",operation="DescribeStateMachine",result="StateMachineDoesNotExist"} 1"#,
        "baton_ready 1",
    ];
    for line in expected {
        assert!(
            metrics.text.lines().any(|l| l == line),
            "{line} in {}",
            metrics.text
        );
    }
    assert!(!metrics.text.contains("a-name"));
}

#[tokio::test]
async fn a_payload_is_shown_as_it_was_written() {
    let world = World::new().await;
    world.closed(EXECUTION, STARTED_MS);
    let text = world.get(&format!("/v1/executions/{EXECUTION}")).await.text;
    assert!(text.contains(r#""input":{"a": 1}"#), "{text}");
    assert!(serde_json::from_str::<Value>(&text).is_ok());
}
