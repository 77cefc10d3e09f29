//! The OpenAPI document and its page; worker health.

use crate::world::World;
use serde_json::Value;

/// All `$ref`s of a document.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_has_every_route_and_no_dangling_reference() {
    let world = World::new().await;
    let answer = world.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1"))
    );
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/v1/state-machines",
        "/v1/executions/{execution}/why",
        "/v1/queues",
        "/v1/events",
        "/v1/jobs/{job}/cancel",
        "/v1/views/{view}",
        "/v1/tasks/{token}/success",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_page_asks_nobody_but_this_server() {
    let answer = World::new().await.get("/docs").await;
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("default-src 'none'; connect-src 'self'")
    );
    assert!(!answer.text.contains("src=") && !answer.text.contains("https://"));
}

#[tokio::test]
async fn queues_and_reasons_are_shown() {
    let world = World::new().await;
    assert_eq!(
        world.get("/v1/queues").await.json()["queues"],
        Value::Array(vec![])
    );
    let machine = world.machine("m").await;
    let execution = format!("{}:e", machine.replace(":stateMachine:", ":execution:"));
    world.running(&execution, 1_000);
    let answer = world.get("/v1/executions/m:e/why").await;
    assert_eq!(
        answer.json()["waitingFor"],
        Value::Array(vec![]),
        "a Pass state waits for nothing"
    );
    assert_eq!(world.get("/v1/executions/m:none/why").await.status, 404);
}
