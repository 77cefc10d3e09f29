//! What the worker library promises of a task, shown without Kafka.

use baton_schemas::history::Failure;
use baton_schemas::{Command, Completion, Outcome};
use baton_worker::testing::{Harness, command, now_ms};
use baton_worker::{Payload, Task, TaskError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn output_is_the_completion() {
    let mut harness = Harness::new("double", async |task: Task| -> Result<Value, TaskError> {
        #[derive(Deserialize)]
        struct Input {
            n: i64,
        }
        Ok(json!({"n": task.input::<Input>()?.n * 2}))
    });
    assert_eq!(
        output(&harness.call(json!({"n": 21})).await),
        json!({"n": 42})
    );
    let failure = failed(&harness.call(json!({"m": 1})).await);
    assert_eq!(failure.error.as_deref(), Some("Worker.BadInput"));
    assert!(failure.cause.unwrap().contains("missing field `n`"));
    assert_eq!(harness.committed(), 2);
}

#[tokio::test]
async fn a_payload_goes_through_byte_for_byte() {
    let mut harness = Harness::new("echo", async |task: Task| {
        Ok::<_, TaskError>(task.raw_input().clone())
    });
    let text = "{ \"a\" : 1.0, \"a\":2 }";
    harness.send(Command {
        input: Payload::from_text(text).unwrap(),
        ..command(())
    });
    assert_eq!(
        harness.completion().await.outcome,
        Outcome::Succeeded(Payload::from_text(text).unwrap())
    );
}

#[tokio::test]
async fn a_repeat_of_a_finished_task_is_answered_without_running() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let mut harness = Harness::new("count", move |_: Task| {
        let n = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok::<_, TaskError>(n) }
    });
    let once = command(());
    harness.send(once.clone());
    harness.send(once);
    let (first, second) = (harness.completion().await, harness.completion().await);
    assert_eq!(first, second);
    assert_eq!(
        (
            output(&first),
            runs.load(Ordering::SeqCst),
            harness.committed()
        ),
        (json!(1), 1, 2)
    );
}

#[tokio::test]
async fn a_repeat_of_a_running_task_joins_it_and_commits_wait_for_the_first() {
    let gate = Arc::new(Semaphore::new(0));
    let mut harness = Harness::new("gated", gated(&gate));
    let slow = command("slow");
    harness.send(slow.clone());
    harness.send(command("fast"));
    harness.send(slow);
    assert_eq!(output(&harness.completion().await), json!("fast"));
    assert_eq!(harness.committed(), 0, "the first command is not finished");
    gate.add_permits(1);
    assert_eq!(output(&harness.completion().await), json!("slow"));
    assert!(harness.idle(LONG).await);
    assert_eq!((harness.committed(), harness.try_completion()), (3, None));
}

#[tokio::test]
async fn panics_are_failures_at_once_and_later() {
    let mut harness = Harness::new("panic", async |task: Task| -> Result<(), TaskError> {
        if task.raw_input().as_str() == "\"later\"" {
            tokio::task::yield_now().await;
        }
        panic!("no {}", task.raw_input().as_str());
    });
    for when in ["now", "later"] {
        let failure = failed(&harness.call(when).await);
        assert_eq!(failure.error.as_deref(), Some("Worker.Panic"));
        assert_eq!(failure.cause.as_deref(), Some(&*format!("no \"{when}\"")));
    }
}

#[tokio::test]
async fn heartbeats_come_by_themselves_and_by_hand() {
    let gate = Arc::new(Semaphore::new(0));
    let wait = gated(&gate);
    let mut harness = Harness::new("beating", move |task: Task| {
        assert!(task.heartbeat(json!({"percent": 10})));
        wait(task)
    });
    harness.send(Command {
        heartbeat_s: Some(1),
        ..command("slow")
    });
    let by_hand = harness.heartbeat().await.outcome;
    assert_eq!(
        by_hand,
        Outcome::Heartbeat(Some(Payload::from_text("{\"percent\":10}").unwrap()))
    );
    assert_eq!(harness.heartbeat().await.outcome, Outcome::Heartbeat(None));
    gate.add_permits(1);
    assert_eq!(output(&harness.completion().await), json!("slow"));
}

#[tokio::test]
async fn a_cancelled_task_hears_of_it() {
    let mut harness = Harness::new("cancel", async |task: Task| {
        task.cancelled().await;
        Ok::<_, TaskError>(task.is_cancelled())
    });
    let running = command(());
    harness.send(running.clone());
    harness.cancel(&running.token);
    assert_eq!(output(&harness.completion().await), json!(true));

    let early = command(());
    harness.cancel(&early.token);
    harness.send(early);
    assert_eq!(
        failed(&harness.completion().await).error.as_deref(),
        Some("Worker.Cancelled")
    );
}

#[tokio::test]
async fn the_deadline_drops_the_handler_and_sends_nothing() {
    let dropped = Arc::new(Semaphore::new(0));
    let guard = Arc::clone(&dropped);
    let mut harness = Harness::new("late", move |_: Task| {
        let guard = Release(Arc::clone(&guard));
        async move {
            std::future::pending::<()>().await;
            drop(guard);
            Ok::<_, TaskError>(())
        }
    });
    harness.send(Command {
        deadline_ms: Some(now_ms() + 50),
        ..command(())
    });
    drop(
        tokio::time::timeout(LONG, dropped.acquire())
            .await
            .expect("the handler is dropped")
            .unwrap(),
    );
    assert!(harness.idle(LONG).await);
    harness.send(Command {
        deadline_ms: Some(now_ms() - 1),
        ..command(())
    });
    assert_eq!((harness.committed(), harness.try_completion()), (2, None));
}

#[tokio::test]
async fn the_trace_goes_on_in_the_completion() {
    let mut harness = Harness::new("traced", async |task: Task| {
        Ok::<_, TaskError>(task.traceparent().map(str::to_owned))
    });
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    harness.send(Command {
        traceparent: Some(parent.into()),
        ..command(())
    });
    let completion = harness.completion().await;
    let child = completion.traceparent.as_deref().unwrap();
    assert_eq!(
        output(&completion),
        json!(child),
        "the handler passes on what the completion carries"
    );
    assert_eq!(child[..35], parent[..35]);
    assert_ne!(child, parent);
}

#[tokio::test]
async fn large_causes_are_cut() {
    let mut harness = Harness::new("wordy", async |_: Task| {
        Err::<(), _>(TaskError::new("Wordy", "é".repeat(40_000)))
    });
    let cause = failed(&harness.call(()).await).cause.unwrap();
    assert!(cause.len() <= baton_worker::limits::CAUSE_BYTES_MAX && cause.ends_with('é'));
}

/// Returns its input; the input `"slow"` waits for a permit first.
fn gated(
    gate: &Arc<Semaphore>,
) -> impl Fn(Task) -> futures::future::BoxFuture<'static, Result<Payload, TaskError>> + use<> {
    let gate = Arc::clone(gate);
    move |task| {
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            if task.raw_input().as_str() == "\"slow\"" {
                gate.acquire().await.expect("never closed").forget();
            }
            Ok(task.raw_input().clone())
        })
    }
}

struct Release(Arc<Semaphore>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn output(completion: &Completion) -> Value {
    match &completion.outcome {
        Outcome::Succeeded(output) => output.to_value(),
        other => panic!("not a success: {other:?}"),
    }
}

fn failed(completion: &Completion) -> Failure {
    match &completion.outcome {
        Outcome::Failed(failure) => failure.clone(),
        other => panic!("not a failure: {other:?}"),
    }
}
