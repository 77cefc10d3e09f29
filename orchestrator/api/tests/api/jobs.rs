//! Jobs: created once, carried out by the owner, cancelled, taken over.

use crate::world::{STARTED_MS, World};
use baton_engine::call::{Call, CallError, Reply};
use baton_machine::Status;
use serde_json::{Value, json};

fn arn(name: &str) -> String {
    format!("arn:aws:states:us-east-1:000000000000:execution:m:{name}")
}

/// A world with executions that failed, of which the job's node knows.
async fn world(executions: usize) -> World {
    let world = World::new().await;
    world.machine("m").await;
    for n in 0..executions {
        let name = arn(&format!("x{n}"));
        world.closed(&name, STARTED_MS + n as i64);
        let mut all = world.views.executions.lock().unwrap();
        all.get_mut(&*name).unwrap().0.status = Status::Failed;
    }
    world
}

/// The job when it has ended.
async fn ended(world: &World, id: &str) -> Value {
    loop {
        let job = world.get(&format!("/v1/jobs/{id}")).await.json();
        if job["status"] != "RUNNING" {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

fn redriven(world: &World) -> usize {
    let asked = world.calls.asked.lock().unwrap();
    let is_redrive = |(_, call): &&(i32, Call)| matches!(call, Call::Redrive { .. });
    asked.iter().filter(is_redrive).count()
}

#[tokio::test]
async fn a_job_goes_through_all_executions_and_says_what_became_of_them() {
    let world = world(12).await;
    world.calls.answer_with(|call| match call {
        Call::Redrive { execution, .. } if execution.ends_with(":x3") => {
            Err(CallError::ExecutionNotRedrivable("it is too old"))
        }
        Call::Redrive { .. } => Ok(Reply::Redriven {
            redrive_ms: STARTED_MS,
        }),
        other => panic!("{other:?}"),
    });
    world.running(&arn("open"), STARTED_MS);
    tokio::spawn(world.app.clone().keep_jobs());
    let body = json!({"action": "redrive", "where": "machine = m", "perSecond": 1000});
    let headers = [("idempotency-key", "job-1")];
    let create = || world.send("POST", "/v1/jobs", &headers, body.to_string());
    let created = create().await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, "/v1/jobs/job-1"),
        "{}",
        created.text
    );
    let job = ended(&world, "job-1").await;
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    let counts = ["total", "done", "skipped", "failed"].map(|field| job[field].as_u64());
    assert_eq!(counts, [Some(13), Some(11), Some(1), Some(1)]);
    assert_eq!(job["failures"][0]["executionArn"], arn("x3"));
    assert_eq!(redriven(&world), 12);
    // The same creation is the same job, and is not done again.
    assert_eq!(create().await.json()["status"], "SUCCEEDED");
    let other = json!({"action": "stop", "where": "machine = m"}).to_string();
    let other = world.send("POST", "/v1/jobs", &headers, other).await;
    assert_eq!(other.status, 409, "{}", other.text);
    assert_eq!(redriven(&world), 12);
    let jobs = world.get("/v1/jobs").await.json();
    assert_eq!(jobs["jobs"][0]["jobId"], "job-1");
}

#[tokio::test]
async fn a_job_waits_for_its_owner_and_is_carried_out_once() {
    let first = world(3).await;
    let body = json!({"action": "redrive", "where": "status = FAILED"});
    let created = first.post("/v1/jobs", body).await.json();
    let id = created["jobId"].as_str().unwrap();
    // Nobody carries jobs out on the first node; the second owns nothing.
    let second = World::on(first.log.clone(), 64).await;
    second.owned_by(&first.url);
    tokio::spawn(second.app.clone().keep_jobs());
    let job = second.get(&format!("/v1/jobs/{id}")).await.json();
    assert_eq!(
        (&job["status"], &job["done"]),
        (&json!("RUNNING"), &json!(0))
    );
    tokio::spawn(first.app.clone().keep_jobs());
    assert_eq!(ended(&second, id).await["done"], 3);
    assert_eq!((redriven(&first), redriven(&second)), (3, 0));
}

#[tokio::test]
async fn a_job_is_cancelled_where_it_is() {
    let world = world(5).await;
    let body = json!({"action": "redrive", "where": "machine = m"});
    let created = world.post("/v1/jobs", body).await.json();
    let path = format!("/v1/jobs/{}/cancel", created["jobId"].as_str().unwrap());
    let cancelled = world.post(&path, json!({})).await;
    assert_eq!(
        cancelled.json()["status"],
        "CANCELLED",
        "{}",
        cancelled.text
    );
    assert_eq!(
        world.post(&path, json!({})).await.json()["status"],
        "CANCELLED"
    );
    tokio::spawn(world.app.clone().keep_jobs());
    let body = json!({"action": "start-again", "where": "machine = m and name = 'x0*'"});
    let again = world.post("/v1/jobs", body).await.json();
    let job = ended(&world, again["jobId"].as_str().unwrap()).await;
    assert_eq!(job["done"], 1, "{job}");
    assert_eq!(redriven(&world), 0, "what was cancelled is not carried out");
    let asked = world.calls.asked.lock().unwrap();
    let started = asked.iter().find_map(|(_, call)| match call {
        Call::Start(start) => Some(start.execution.to_string()),
        _ => None,
    });
    assert!(started.unwrap().starts_with(&arn("x0-again-")));
}

#[tokio::test]
async fn a_job_says_what_is_wrong_with_it() {
    let world = World::new().await;
    for body in [
        json!({"action": "stop"}),
        json!({"action": "stop", "where": "machine"}),
        json!({"action": "delete", "where": "machine = m"}),
        json!({"action": "redrive", "where": "machine = m", "error": "E"}),
        json!({"action": "stop", "where": "machine = m", "perSecond": 0}),
    ] {
        let answer = world.post("/v1/jobs", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
    }
    let view = json!({"action": "stop", "view": "none"});
    assert_eq!(world.post("/v1/jobs", view).await.status, 404);
    assert_eq!(world.get("/v1/jobs/none").await.status, 404);
    tokio::spawn(world.app.clone().keep_jobs());
    let body = json!({"action": "stop", "where": "machine = nobody"});
    let created = world.post("/v1/jobs", body).await.json();
    let job = ended(&world, created["jobId"].as_str().unwrap()).await;
    assert_eq!(job["status"], "FAILED", "{job}");
    assert!(job["reason"].as_str().unwrap().contains("Does Not Exist"));
}
