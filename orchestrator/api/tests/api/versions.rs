//! Versions, aliases, tags and synchronous starts in the AWS JSON protocol.

use crate::world::{ROLE, World, task};
use baton_engine::call::Call;
use serde_json::{Value, json};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

fn version(number: u64) -> String {
    format!("{MACHINE}:{number}")
}

async fn ok(world: &World, operation: &str, body: Value) -> Value {
    let answer = world.aws(operation, body).await;
    assert_eq!(answer.status, 200, "{operation}: {}", answer.text);
    answer.json()
}

async fn refused(world: &World, operation: &str, body: Value) -> String {
    let answer = world.aws(operation, body).await;
    assert_eq!(answer.status, 400, "{operation}: {}", answer.text);
    answer.header("x-amzn-errortype").to_owned()
}

/// Machine `m` with versions 1 and 2.
async fn two_versions() -> World {
    let world = World::new().await;
    let create =
        json!({"name": "m", "definition": task().to_string(), "roleArn": ROLE, "publish": true});
    let created = ok(&world, "CreateStateMachine", create.clone()).await;
    assert_eq!(created["stateMachineVersionArn"], version(1));
    assert_eq!(ok(&world, "CreateStateMachine", create).await, created);
    let mut other = task();
    other["Comment"] = "second".into();
    let update = json!({"stateMachineArn": MACHINE, "definition": other.to_string(), "publish": true, "versionDescription": "two"});
    let updated = ok(&world, "UpdateStateMachine", update).await;
    assert_eq!(updated["stateMachineVersionArn"], version(2));
    world
}

#[tokio::test]
async fn versions_are_numbered_listed_described_and_never_numbered_again() {
    let world = two_versions().await;
    let again = ok(
        &world,
        "PublishStateMachineVersion",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    assert_eq!(
        again["stateMachineVersionArn"],
        version(2),
        "a revision has one version"
    );
    let page = json!({"stateMachineArn": MACHINE, "maxResults": 1});
    let first = ok(&world, "ListStateMachineVersions", page).await;
    assert_eq!(
        first["stateMachineVersions"][0]["stateMachineVersionArn"],
        version(2)
    );
    let page = json!({"stateMachineArn": MACHINE, "nextToken": first["nextToken"]});
    let second = ok(&world, "ListStateMachineVersions", page).await;
    assert_eq!(
        second["stateMachineVersions"][0]["stateMachineVersionArn"],
        version(1)
    );
    assert_eq!(second.get("nextToken"), None);
    let described = ok(
        &world,
        "DescribeStateMachine",
        json!({"stateMachineArn": version(2)}),
    )
    .await;
    assert_eq!(described["description"], "two");
    assert_eq!(described["stateMachineArn"], version(2));
    let old = ok(
        &world,
        "DescribeStateMachine",
        json!({"stateMachineArn": version(1)}),
    )
    .await;
    assert_eq!(old["definition"], task().to_string());
    for _ in 0..2 {
        ok(
            &world,
            "DeleteStateMachineVersion",
            json!({"stateMachineVersionArn": version(2)}),
        )
        .await;
    }
    let third = ok(
        &world,
        "PublishStateMachineVersion",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    assert_eq!(third["stateMachineVersionArn"], version(3));
    let stale = json!({"stateMachineArn": MACHINE, "revisionId": "INITIAL"});
    assert_eq!(
        refused(&world, "PublishStateMachineVersion", stale).await,
        "ConflictException"
    );
}

#[tokio::test]
async fn a_machine_that_is_created_again_has_no_old_versions_aliases_or_tags() {
    let world = two_versions().await;
    let route = json!([{"stateMachineVersionArn": version(1), "weight": 100}]);
    let alias = json!({"name": "live", "routingConfiguration": route});
    ok(&world, "CreateStateMachineAlias", alias).await;
    let tags = json!({"resourceArn": MACHINE, "tags": [{"key": "a", "value": "1"}]});
    ok(&world, "TagResource", tags).await;
    ok(
        &world,
        "DeleteStateMachine",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    world.machine("m").await;
    let versions = ok(
        &world,
        "ListStateMachineVersions",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    assert_eq!(versions["stateMachineVersions"], json!([]));
    let aliases = ok(
        &world,
        "ListStateMachineAliases",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    assert_eq!(aliases["stateMachineAliases"], json!([]));
    let tags = ok(
        &world,
        "ListTagsForResource",
        json!({"resourceArn": MACHINE}),
    )
    .await;
    assert_eq!(tags["tags"], json!([]));
    let start = json!({"stateMachineArn": version(1)});
    assert_eq!(
        refused(&world, "StartExecution", start).await,
        "StateMachineDoesNotExist"
    );
    let published = ok(
        &world,
        "PublishStateMachineVersion",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    assert_eq!(published["stateMachineVersionArn"], version(1));
}

#[tokio::test]
async fn a_start_runs_the_version_that_is_named_or_that_the_alias_leads_to() {
    let world = two_versions().await;
    let route = json!([{"stateMachineVersionArn": version(1), "weight": 100}]);
    let live = json!({"name": "live", "routingConfiguration": route});
    let alias = ok(&world, "CreateStateMachineAlias", live).await;
    let arn = alias["stateMachineAliasArn"].as_str().unwrap().to_owned();
    for machine in [version(1), version(2), arn.clone(), MACHINE.to_owned()] {
        ok(
            &world,
            "StartExecution",
            json!({"stateMachineArn": machine}),
        )
        .await;
    }
    let mut started = Vec::new();
    for (_, call) in world.calls.asked.lock().unwrap().iter() {
        let Call::Start(call) = call else {
            panic!("{call:?}")
        };
        assert!(
            call.execution.contains(":execution:m:"),
            "{}",
            call.execution
        );
        started.push((call.definition.revision, call.qualifier.clone()));
    }
    let second = started[1].0;
    let text = |qualifier: &str| Some(qualifier.into());
    assert_eq!(
        started,
        [
            (0, text("1")),
            (second, text("2")),
            (0, text("live:1")),
            (second, None)
        ]
    );
    let used = json!({"stateMachineVersionArn": version(1)});
    assert_eq!(
        refused(&world, "DeleteStateMachineVersion", used).await,
        "ConflictException"
    );
    ok(
        &world,
        "DeleteStateMachineAlias",
        json!({"stateMachineAliasArn": arn}),
    )
    .await;
    let gone = refused(
        &world,
        "DescribeStateMachineAlias",
        json!({"stateMachineAliasArn": arn}),
    )
    .await;
    assert_eq!(gone, "ResourceNotFound");
}

#[tokio::test]
async fn an_alias_with_wrong_routes_is_refused() {
    let world = two_versions().await;
    let route = |number: u64, weight: u8| json!({"stateMachineVersionArn": version(number), "weight": weight});
    for (routes, error) in [
        (json!([]), "ValidationException"),
        (json!([route(1, 50)]), "ValidationException"),
        (json!([route(1, 50), route(1, 50)]), "ValidationException"),
        (json!([route(9, 100)]), "ResourceNotFound"),
        (
            json!([{"stateMachineVersionArn": MACHINE, "weight": 100}]),
            "ValidationException",
        ),
        (json!([route(1, 101)]), "ValidationException"),
    ] {
        let body = json!({"name": "live", "routingConfiguration": routes});
        assert_eq!(
            refused(&world, "CreateStateMachineAlias", body).await,
            error,
            "{routes}"
        );
    }
}

#[tokio::test]
async fn tags_change_without_a_revision() {
    let world = World::new().await;
    let create = json!({"name": "m", "definition": task().to_string(), "roleArn": ROLE, "tags": [{"key": "a", "value": "1"}]});
    ok(&world, "CreateStateMachine", create).await;
    let tags = json!({"resourceArn": MACHINE, "tags": [{"key": "b", "value": ""}, {"key": "a", "value": "2"}]});
    ok(&world, "TagResource", tags).await;
    let listed = ok(
        &world,
        "ListTagsForResource",
        json!({"resourceArn": MACHINE}),
    )
    .await;
    assert_eq!(
        listed["tags"],
        json!([{"key": "a", "value": "2"}, {"key": "b", "value": ""}])
    );
    ok(
        &world,
        "UntagResource",
        json!({"resourceArn": MACHINE, "tagKeys": ["a", "x"]}),
    )
    .await;
    let listed = ok(
        &world,
        "ListTagsForResource",
        json!({"resourceArn": MACHINE}),
    )
    .await;
    assert_eq!(listed["tags"], json!([{"key": "b", "value": ""}]));
    let machine = ok(
        &world,
        "DescribeStateMachine",
        json!({"stateMachineArn": MACHINE}),
    )
    .await;
    assert_eq!(machine.get("revisionId"), None);
    let many: Vec<Value> = (0..60)
        .map(|n| json!({"key": n.to_string(), "value": ""}))
        .collect();
    let many = json!({"resourceArn": MACHINE, "tags": many});
    assert_eq!(refused(&world, "TagResource", many).await, "TooManyTags");
}

#[tokio::test]
async fn only_express_machines_are_run_synchronously() {
    let world = World::new().await;
    world.machine("m").await;
    let start = json!({"stateMachineArn": MACHINE});
    assert_eq!(
        refused(&world, "StartSyncExecution", start).await,
        "StateMachineTypeNotSupported"
    );
}
