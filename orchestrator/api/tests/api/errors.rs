//! Errors in both protocols, as golden files.

use crate::world::{ROLE, World, task};
use serde_json::{Value, json};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

#[tokio::test]
async fn mistakes_over_the_aws_protocol() {
    let world = World::new().await;
    world.machine("m").await;
    let long_token = "7".repeat(3_097);
    let create = |name: &str, definition: &str| json!({"name": name, "definition": definition, "roleArn": ROLE});
    let mut logged = create("l", &task().to_string());
    logged["loggingConfiguration"] = json!({"level": "ALL"});
    let mut published = create("p", &task().to_string());
    published["versionDescription"] = "of no version".into();
    let calls: Vec<(&str, Value)> = vec![
        ("CreateStateMachine", json!({})),
        ("CreateStateMachine", create("a b", &task().to_string())),
        ("CreateStateMachine", logged),
        ("CreateStateMachine", published),
        ("CreateStateMachine", json!({"name": 1})),
        ("UpdateStateMachine", json!({"stateMachineArn": MACHINE})),
        (
            "DescribeStateMachine",
            json!({"stateMachineArn": "not_a_valid_arn"}),
        ),
        (
            "DescribeStateMachine",
            json!({"stateMachineArn": EXECUTION}),
        ),
        (
            "DescribeStateMachine",
            json!({"stateMachineArn": format!("{MACHINE}2")}),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": format!("{MACHINE}2")}),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": MACHINE, "name": "a b"}),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": MACHINE, "input": "{"}),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": MACHINE, "input": format!("\"{}\"", "a".repeat(262_144))}),
        ),
        ("DescribeExecution", json!({"executionArn": EXECUTION})),
        ("GetExecutionHistory", json!({"executionArn": EXECUTION})),
        (
            "GetExecutionHistory",
            json!({"executionArn": EXECUTION, "nextToken": "x"}),
        ),
        (
            "ListExecutions",
            json!({"stateMachineArn": "invalid_state_machine_arn"}),
        ),
        (
            "ListExecutions",
            json!({"stateMachineArn": MACHINE, "maxResults": 1001, "statusFilter": "succeeded"}),
        ),
        (
            "ListExecutions",
            json!({"stateMachineArn": MACHINE, "nextToken": long_token}),
        ),
        (
            "SendTaskSuccess",
            json!({"taskToken": "nonsense", "output": "{}"}),
        ),
        (
            "SendTaskSuccess",
            json!({"taskToken": "nonsense", "output": "{"}),
        ),
        (
            "CreateStateMachineAlias",
            json!({"name": "123", "routingConfiguration": [{"weight": 101}]}),
        ),
        (
            "UpdateStateMachineAlias",
            json!({"stateMachineAliasArn": format!("{MACHINE}:live")}),
        ),
        (
            "TagResource",
            json!({"resourceArn": MACHINE, "tags": [{"key": "", "value": null}]}),
        ),
        (
            "TagResource",
            json!({"resourceArn": format!("{MACHINE}:1"), "tags": []}),
        ),
        (
            "DescribeActivity",
            json!({"activityArn": MACHINE.replace("stateMachine", "activity")}),
        ),
        ("GetActivityTask", json!({"activityArn": "nonsense"})),
        ("StartSyncExecution", json!({"stateMachineArn": MACHINE})),
        (
            "DescribeMapRun",
            json!({"mapRunArn": "arn:aws:states:us-east-1:000000000000:mapRun:m/l:1"}),
        ),
        ("Dance", json!({})),
    ];
    let mut told = Vec::new();
    for (operation, body) in calls {
        let answer = world.aws(operation, body).await;
        let error = answer.json();
        let message = error["message"]
            .as_str()
            .unwrap()
            .replace(&long_token, "<long>");
        let name = error["__type"].as_str().unwrap();
        assert_eq!(
            name.split_once('#').unwrap().1,
            answer.header("x-amzn-errortype")
        );
        told.push(format!(
            "{operation} {} {name}\n    {message}",
            answer.status
        ));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn mistakes_over_rest() {
    let world = World::new().await;
    world.machine("m").await;
    let calls = [
        ("GET", "/v1/nowhere", ""),
        ("PATCH", "/v1/executions", ""),
        ("GET", "/v1/state-machines/nobody", ""),
        ("POST", "/v1/state-machines", "{"),
        ("POST", "/v1/state-machines", r#"{"definition": {}}"#),
        (
            "POST",
            "/v1/state-machines",
            r#"{"name": "n", "definition": {}, "colour": 1}"#,
        ),
        ("PUT", "/v1/state-machines/m", "{}"),
        ("POST", "/v1/state-machines/nobody/executions", "{}"),
        (
            "POST",
            "/v1/state-machines/m/executions",
            r#"{"name": "a b"}"#,
        ),
        ("GET", "/v1/executions?machines=m", ""),
        ("GET", "/v1/executions?status=ended", ""),
        ("GET", "/v1/executions?limit=0", ""),
        ("GET", "/v1/executions?from=yesterday", ""),
        ("GET", "/v1/executions?cursor=zz", ""),
        ("GET", "/v1/executions/nonsense", ""),
        ("POST", "/v1/tasks/nonsense/heartbeat", ""),
    ];
    let mut told = Vec::new();
    for (method, path, body) in calls {
        let answer = world.send(method, path, &[], body.to_owned()).await;
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status);
        told.push(format!("{method} {path}\n    {problem}"));
        let page = world.get(problem["type"].as_str().unwrap()).await;
        assert_eq!(page.status, 200, "the problem's type leads to a page");
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_body_past_the_bound_is_refused_by_both() {
    let world = World::new().await;
    let body = " ".repeat(baton_api::limits::BODY_BYTES_MAX + 1);
    let target = [("x-amz-target", "AWSStepFunctions.StartExecution")];
    let aws = world.send("POST", "/", &target, body.clone()).await;
    assert_eq!(
        (aws.status, aws.header("x-amzn-errortype")),
        (413, "RequestEntityTooLarge")
    );
    let rest = world.send("POST", "/v1/validate", &[], body).await;
    assert_eq!(
        (rest.status, rest.json()["title"].as_str()),
        (413, Some("RequestEntityTooLarge"))
    );
}

#[tokio::test]
async fn requests_past_the_bound_are_throttled_but_health_is_not() {
    let world = World::on(std::sync::Arc::default(), 0).await;
    let aws = world.aws("ListStateMachines", json!({})).await;
    assert_eq!(
        (aws.status, aws.header("x-amzn-errortype")),
        (400, "ThrottlingException")
    );
    let rest = world.get("/v1/state-machines").await;
    assert_eq!((rest.status, rest.header("retry-after")), (429, "1"));
    assert_eq!(world.get("/livez").await.status, 200);
    assert!(
        world
            .get("/metrics")
            .await
            .text
            .contains("baton_http_throttled_total 2\n")
    );
}
