//! Activities in the AWS JSON protocol.

use crate::world::World;
use baton_api::Taken;
use baton_engine::call::{Call, CallError, Reply};
use baton_schemas::{Outcome, TaskToken};
use serde_json::json;

const ACTIVITY: &str = "arn:aws:states:us-east-1:000000000000:activity:work";
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:m:e";

#[tokio::test]
async fn an_activity_has_a_queue_and_is_created_once() {
    let world = World::new().await;
    let created = world
        .aws("CreateActivity", json!({"name": "work"}))
        .await
        .json();
    assert_eq!(created["activityArn"], ACTIVITY);
    assert_eq!(
        *world.queues.ensured.lock().unwrap(),
        ["activity.work".into()]
    );
    let again = json!({"name": "work", "tags": [{"key": "a", "value": "b"}]});
    assert_eq!(world.aws("CreateActivity", again).await.json(), created);
    let described = world
        .aws("DescribeActivity", json!({"activityArn": ACTIVITY}))
        .await
        .json();
    assert_eq!(described["creationDate"], created["creationDate"]);
    world.aws("CreateActivity", json!({"name": "a"})).await;
    let first = world
        .aws("ListActivities", json!({"maxResults": 1}))
        .await
        .json();
    assert_eq!(first["activities"][0]["name"], "a");
    let next = json!({"nextToken": first["nextToken"]});
    let second = world.aws("ListActivities", next).await.json();
    assert_eq!(second["activities"][0]["name"], "work");
    assert_eq!(second.get("nextToken"), None);
    for _ in 0..2 {
        let deleted = world
            .aws("DeleteActivity", json!({"activityArn": ACTIVITY}))
            .await;
        assert_eq!(deleted.status, 200);
    }
    let gone = world
        .aws("GetActivityTask", json!({"activityArn": ACTIVITY}))
        .await;
    assert_eq!(gone.header("x-amzn-errortype"), "ActivityDoesNotExist");
}

#[tokio::test]
async fn a_task_is_handed_out_with_a_note_of_who_has_it_and_one_that_ended_is_not() {
    let world = World::new().await;
    world.aws("CreateActivity", json!({"name": "work"})).await;
    let tokens = [TaskToken::new(EXECUTION, 3), TaskToken::new(EXECUTION, 7)];
    for token in &tokens {
        let task = Taken {
            token: token.as_str().into(),
            input: "{}".to_owned(),
        };
        world
            .queues
            .tasks
            .lock()
            .unwrap()
            .push(("activity.work".into(), task));
    }
    let ended = tokens[0].clone();
    world.calls.answer_with(move |call| match call {
        Call::Complete { token, .. } if *token == ended => Err(CallError::TaskTimedOut),
        _ => Ok(Reply::Completed),
    });
    let poll = json!({"activityArn": ACTIVITY, "workerName": "w"});
    let task = world.aws("GetActivityTask", poll.clone()).await.json();
    assert_eq!(
        task,
        json!({"taskToken": tokens[1].as_str(), "input": "{}"})
    );
    let last = world
        .calls
        .asked
        .lock()
        .unwrap()
        .last()
        .map(|(_, call)| call.clone());
    let Some(Call::Complete { outcome, .. }) = last else {
        panic!("{last:?}")
    };
    assert_eq!(
        outcome,
        Outcome::Started {
            worker: Some("w".into())
        }
    );
    assert_eq!(world.aws("GetActivityTask", poll).await.json(), json!({}));
}
