//! Searching: filters of lists, search attributes of machines, saved views, streams of many executions.

use crate::world::{Answer, STARTED_MS, World, partition, task};
use baton_engine::search::{AttributeValue, Findable};
use baton_engine::views::{Applied, Change, ViewWriter};
use baton_machine::Status;
use baton_schemas::history::Positions;
use serde_json::{Value, json};

fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:m:{name}")
}

/// Gives an execution in the views what it is found by.
fn findable(world: &World, name: &str, status: Status, error: Option<&str>, customer: &str) {
    let mut executions = world.views.executions.lock().unwrap();
    let (summary, _) = executions.get_mut(&*arn(name)).unwrap();
    summary.status = status;
    summary.findable = Findable {
        error: error.map(Into::into),
        attributes: [("customer".into(), AttributeValue::Text(customer.into()))].into(),
    };
}

fn names(list: &Value) -> Vec<&str> {
    let executions = list["executions"].as_array().unwrap();
    executions
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

async fn world() -> World {
    let world = World::new().await;
    world.machine("m").await;
    for (n, name) in ["a", "b", "c"].iter().enumerate() {
        world.closed(&arn(name), STARTED_MS + n as i64);
    }
    findable(&world, "a", Status::Failed, Some("Card.Refused"), "c-1");
    findable(&world, "b", Status::Failed, Some("Late"), "c-1");
    findable(&world, "c", Status::Succeeded, None, "c-2");
    world
}

#[tokio::test]
async fn lists_are_filtered_by_error_attribute_and_where() {
    let world = world().await;
    for (query, expected) in [
        ("error=Late", vec!["b"]),
        ("error=Card.*", vec!["a"]),
        ("attr.customer=c-1", vec!["b", "a"]),
        ("attr.customer=c-1&error=Late", vec!["b"]),
        ("where=customer%20!=%20'c-1'", vec!["c"]),
        (
            "where=status=FAILED%20and%20error%20=%20'Card.*'",
            vec!["a"],
        ),
        ("where=nobody%20=%201", vec![]),
    ] {
        let answer = world.get(&format!("/v1/executions?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(names(&answer.json()), expected, "{query}");
    }
    let list = world.get("/v1/executions?error=Late").await.json();
    assert_eq!(list["executions"][0]["error"], "Late");
    assert_eq!(
        list["executions"][0]["searchAttributes"],
        json!({"customer": "c-1"})
    );
    for query in [
        "where=status",
        "where=status=BUSY",
        "attrs.a=1",
        "status=BUSY",
    ] {
        let answer = world.get(&format!("/v1/executions?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_machine_declares_what_its_executions_are_searched_by() {
    let world = World::new().await;
    let declared = json!({"customer": {"type": "string", "value": "$.customer.id"}});
    let mut body = json!({"name": "m", "definition": task(), "searchAttributes": declared});
    assert_eq!(
        world.post("/v1/state-machines", body.clone()).await.status,
        201
    );
    assert_eq!(
        world.post("/v1/state-machines", body.clone()).await.status,
        200
    );
    let machine = world.get("/v1/state-machines/m").await.json();
    assert_eq!(machine["searchAttributes"], declared);
    body["searchAttributes"]["customer"]["type"] = "number".into();
    let other = world.post("/v1/state-machines", body).await;
    assert_eq!(other.status, 409, "{}", other.text);
    // A client of AWS's API does not know of attributes.
    world.machine("m").await;
    let update = |all: Value| {
        let body = json!({"searchAttributes": all}).to_string();
        world.send("PUT", "/v1/state-machines/m", &[], body)
    };
    assert_eq!(update(json!({})).await.status, 200);
    let machine = world.get("/v1/state-machines/m").await.json();
    assert_eq!(machine["searchAttributes"], Value::Null);
    for bad in [
        json!({"status": {"type": "string", "value": "$.a"}}),
        json!({"a": {"type": "string", "value": "a"}}),
        json!({"a": {"type": "text", "value": "$.a"}}),
        json!({"a": {"type": "string", "value": "{% $x + $y %}"}}),
    ] {
        let answer = update(bad).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
}

async fn put(world: &World, name: &str, filter: &str) -> Answer {
    let body = json!({"where": filter, "description": "d"}).to_string();
    let path = format!("/v1/views/{name}");
    world.send("PUT", &path, &[], body).await
}

#[tokio::test]
async fn a_saved_view_is_a_name_for_a_filter_on_every_node() {
    let world = world().await;
    let saved = put(&world, "late", "status = FAILED and error = Late").await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    for (name, filter) in [("late", "status is FAILED"), ("a%20b", "status = FAILED")] {
        assert_eq!(put(&world, name, filter).await.status, 400, "{name}");
    }
    let other = World::on(world.log.clone(), 64).await;
    let views = other.get("/v1/views").await.json();
    assert_eq!(
        views["views"][0]["where"],
        "status = FAILED and error = Late"
    );
    assert_eq!(
        other.get("/v1/views/late").await.json()["name"],
        json!("late")
    );
    let list = world.get("/v1/executions?view=late").await.json();
    assert_eq!(names(&list), ["b"]);
    let both = world.get("/v1/executions?view=late&status=RUNNING").await;
    assert_eq!(both.status, 400, "{}", both.text);
    let deleted = world.send("DELETE", "/v1/views/late", &[], String::new());
    assert_eq!(deleted.await.status, 204);
    for path in ["/v1/views/late", "/v1/executions?view=late"] {
        assert_eq!(other.get(path).await.status, 404, "{path}");
    }
}

/// Views that keep nothing: the test's own are read.
struct Nowhere;

impl ViewWriter for Nowhere {
    fn apply(&mut self, _batch: Vec<Applied>) {}
    fn reset(&mut self, _partition: i32) {}
}

/// Makes the last record of an execution effective at an offset.
fn effective(world: &World, feed: &mut dyn ViewWriter, name: &str, offset: i64) {
    let records = world.views.executions.lock().unwrap()[&*arn(name)]
        .1
        .clone();
    feed.apply(vec![Applied {
        partition: partition(&arn(name)),
        offset,
        epoch: 0,
        seq: 1,
        positions: Positions::default(),
        mark: 0,
        base: None,
        now_ms: 0,
        since_base: 0,
        change: Change::Step {
            execution: arn(name).into(),
            start_ms: STARTED_MS,
            json: records.last().unwrap().clone(),
            opened: None,
            closed: None,
        },
    }]);
}

async fn read_until(stream: &mut reqwest::Response, text: &mut String, wanted: &str) {
    while !text.contains(wanted) {
        let chunk = stream.chunk().await.unwrap();
        let chunk = chunk.unwrap_or_else(|| panic!("the stream ended before {wanted:?}: {text}"));
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn a_stream_of_a_filter_goes_on_where_it_was() {
    let owner = world().await;
    let other = World::on(owner.log.clone(), 64).await;
    other.owned_by(&owner.url);
    let mut feed = owner.watches.feed(Box::new(Nowhere));
    for (n, world) in (0..).zip([&other, &owner]) {
        let path = "/v1/events?where=customer%20=%20'c-1'";
        let (mut stream, mut text) = (world.open(path, &[]).await, String::new());
        read_until(&mut stream, &mut text, "from here on").await;
        let begun = text.rfind("id: ").unwrap();
        let id = text[begun + 4..].lines().next().unwrap().to_owned();
        let offset = 10 + 10 * n;
        effective(&owner, &mut *feed, "c", offset);
        effective(&owner, &mut *feed, "a", offset + 1);
        read_until(&mut stream, &mut text, "ExecutionSucceeded").await;
        assert!(
            text.contains(r#""name":"a""#) && !text.contains(r#""name":"c""#),
            "{text}"
        );
        assert!(text.contains("event: change"), "{text}");
        drop(stream);
        // Whoever comes back with the id of before gets what came since, and then what comes.
        let headers = [("last-event-id", id.as_str())];
        let (mut again, mut text) = (world.open(path, &headers).await, String::new());
        read_until(&mut again, &mut text, r#""name":"a""#).await;
        effective(&owner, &mut *feed, "b", offset + 2);
        read_until(&mut again, &mut text, r#""name":"b""#).await;
        assert!(!text.contains("event: gap"), "{text}");
    }
    let bad = [("last-event-id", "yesterday")];
    assert_eq!(owner.open("/v1/events", &bad).await.status(), 400);
}
