//! Streams of events and waiting for a result: on one node, and through one that does not own the execution.

use crate::world::{STARTED_MS, World};
use serde_json::Value;

const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

/// Reads a stream until its text holds `wanted`; panics if it ends before.
async fn read_until(stream: &mut reqwest::Response, text: &mut String, wanted: &str) {
    while !text.contains(wanted) {
        let chunk = stream.chunk().await.unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("the stream ended before {wanted:?}: {text}"));
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

/// Reads a stream to its end.
async fn read_rest(stream: &mut reqwest::Response, text: &mut String) {
    while let Some(chunk) = stream.chunk().await.unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

/// `(id, type)` of the events in a stream's text.
fn events(text: &str) -> Vec<(u64, String)> {
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_owned)
    };
    text.split("\n\n")
        .filter_map(|event| Some((field(event, "id: ")?, field(event, "data: ")?)))
        .map(|(id, data)| {
            let data: Value = serde_json::from_str(&data).unwrap();
            assert_eq!(data["id"].to_string(), id);
            assert!(data["timestamp"].as_str().unwrap().ends_with('Z'), "{data}");
            (
                id.parse().unwrap(),
                data["type"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn all() -> Vec<(u64, String)> {
    let types = [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ];
    (1..).zip(types.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_stream_shows_what_happened_then_what_happens_and_ends_with_the_execution() {
    let owner = World::new().await;
    let other = World::on(owner.log.clone(), 64).await;
    other.owned_by(&owner.url);
    owner.running(EXECUTION, STARTED_MS);
    for world in [&owner, &other] {
        owner.running(EXECUTION, STARTED_MS);
        let path = format!("/v1/executions/{EXECUTION}/events");
        let mut stream = world.open(&path, &[]).await;
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        read_until(&mut stream, &mut text, "PassStateEntered").await;
        owner.closed(EXECUTION, STARTED_MS);
        // The reader may not wait yet: then it sees the change when it looks.
        owner.watches.changed(EXECUTION);
        read_rest(&mut stream, &mut text).await;
        assert_eq!(events(&text), all());
        assert!(text.contains("retry: 1000\n"), "{text}");
    }
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let world = World::new().await;
    world.closed(EXECUTION, STARTED_MS);
    let path = "/v1/executions/m:e/events";
    let mut text = String::new();
    let mut stream = world.open(path, &[("last-event-id", "2")]).await;
    read_rest(&mut stream, &mut text).await;
    assert_eq!(events(&text), all()[2..]);
    // The header of a browser that comes back counts more than the URL it began with.
    let after = format!("{path}?after=3");
    let mut text = String::new();
    read_rest(&mut world.open(&after, &[]).await, &mut text).await;
    assert_eq!(events(&text), all()[3..]);
    let done = world.open(&after, &[("last-event-id", "4")]).await;
    assert_eq!(done.status(), 204, "nothing will follow: stay away");
    let bad = world.open(path, &[("last-event-id", "x")]).await;
    assert_eq!(bad.status(), 400);
    let absent = world.get("/v1/executions/m:absent/events").await;
    assert_eq!(absent.json()["title"], "ExecutionDoesNotExist");
}

#[tokio::test]
async fn a_description_waits_for_the_end() {
    let owner = World::new().await;
    let other = World::on(owner.log.clone(), 64).await;
    other.owned_by(&owner.url);
    owner.running(EXECUTION, STARTED_MS);
    for world in [&owner, &other] {
        let now = world.get("/v1/executions/m:e").await.json();
        assert_eq!(now["status"], "RUNNING");
        let end = async {
            let answer = world.get("/v1/executions/m:e?wait=60").await;
            answer.json()
        };
        let close = async {
            // Not before somebody waits, so that it is the change that wakes it.
            while !owner.watches.is_watched(EXECUTION) {
                tokio::task::yield_now().await;
            }
            owner.closed(EXECUTION, STARTED_MS);
            owner.watches.changed(EXECUTION);
        };
        let (found, ()) = tokio::join!(end, close);
        assert_eq!(found["status"], "SUCCEEDED");
        owner.running(EXECUTION, STARTED_MS);
    }
    for wait in ["61", "-1", "x"] {
        let answer = owner.get(&format!("/v1/executions/m:e?wait={wait}")).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_node_that_shuts_down_answers_who_waits() {
    let world = World::new().await;
    world.running(EXECUTION, STARTED_MS);
    let mut stream = world.open("/v1/executions/m:e/events", &[]).await;
    let mut text = String::new();
    read_until(&mut stream, &mut text, "PassStateEntered").await;
    let waiting = world.get("/v1/executions/m:e?wait=60");
    let drain = async {
        while !world.watches.is_watched(EXECUTION) {
            tokio::task::yield_now().await;
        }
        world.app.drain();
    };
    let (found, ()) = tokio::join!(waiting, drain);
    assert_eq!(found.json()["status"], "RUNNING");
    read_rest(&mut stream, &mut text).await;
    assert_eq!(events(&text), all()[..2]);
}
