//! The kinds of handlers besides the plain one: batches, checked inputs, effects once.

use baton_schemas::Outcome;
use baton_worker::testing::{Harness, command, outcome};
use baton_worker::{Answer, BatchOptions, Payload, Task, TaskError, Worker};
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_answer_can_leave_the_task_open() {
    let mut harness = Harness::new("open", async |_: Task| {
        Ok::<_, TaskError>(Answer::Submitted(
            Payload::from_text("{\"job\":1}").unwrap(),
        ))
    });
    let completion = harness.call(json!({})).await;
    assert_eq!(
        completion.outcome,
        Outcome::Submitted(Payload::from_text("{\"job\":1}").unwrap())
    );
    assert_eq!(harness.committed(), 1);
    assert_eq!(harness.metrics().counts("open").submitted, 1);
}

#[tokio::test]
async fn a_batch_handler_gets_several_tasks_and_each_its_own_outcome() {
    let options = BatchOptions {
        tasks_max: 3,
        wait: LONG,
    };
    let sum = async |tasks: Vec<Task>| {
        let count = tasks.len();
        let one = |task: &Task| match task.input::<i64>()? {
            0 => Err(TaskError::new("Zero", "no")),
            n => Ok(json!({"n": n, "of": count})),
        };
        tasks.iter().map(one).collect::<Vec<_>>()
    };
    let mut harness = Harness::of(Worker::builder().queue_batch("sum", options, sum));
    for n in [1, 0, 2] {
        harness.send(command(n));
    }
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(outcome(&harness.completion().await));
    }
    outcomes.sort_by_key(|outcome| {
        outcome
            .as_ref()
            .map_or(0, |value| value["n"].as_i64().unwrap())
    });
    assert_eq!(outcomes[0].as_ref().unwrap_err().error, "Zero");
    assert_eq!(outcomes[1], Ok(json!({"n": 1, "of": 3})));
    assert_eq!(outcomes[2], Ok(json!({"n": 2, "of": 3})));
    let counts = harness.metrics().counts("sum");
    assert_eq!((counts.succeeded, counts.failed, counts.running), (2, 1, 0));
}

#[tokio::test]
async fn a_batch_that_panics_or_miscounts_fails_its_tasks() {
    let at_once = BatchOptions {
        tasks_max: 1,
        wait: Duration::ZERO,
    };
    let wrong = async |tasks: Vec<Task>| -> Vec<Result<Value, TaskError>> {
        assert!(tasks[0].input::<bool>().unwrap(), "asked to panic");
        Vec::new()
    };
    let mut harness = Harness::of(Worker::builder().queue_batch("wrong", at_once, wrong));
    for (input, error) in [
        (true, "Worker.BadOutput"),
        (false, "Worker.Panic"),
        (true, "Worker.BadOutput"),
    ] {
        assert_eq!(
            outcome(&harness.call(input).await).unwrap_err().error,
            error
        );
    }
}

#[cfg(feature = "schema")]
mod checked {
    use super::*;
    use baton_worker::WorkerError;
    use schemars::JsonSchema;
    use serde::Deserialize;

    #[derive(Deserialize, JsonSchema)]
    struct Order {
        #[schemars(length(min = 3))]
        id: String,
        amount: u32,
    }

    #[tokio::test]
    async fn a_typed_handler_runs_only_for_what_its_schema_allows() {
        let charge = async |order: Order, _: Task| {
            Ok::<_, TaskError>(json!({"charged": order.amount, "for": order.id}))
        };
        let mut harness = Harness::of(Worker::builder().queue_typed("charge", charge));
        let good = outcome(&harness.call(json!({"id": "o-17", "amount": 5})).await);
        assert_eq!(good, Ok(json!({"charged": 5, "for": "o-17"})));
        let bad = outcome(&harness.call(json!({"id": "o", "amount": -1})).await).unwrap_err();
        assert_eq!(bad.error, "Worker.BadInput");
        assert!(
            bad.cause.contains("/id") && bad.cause.contains("/amount"),
            "all that is wrong is said: {bad}"
        );
    }

    #[tokio::test]
    async fn a_schema_of_one_s_own_is_checked_and_must_be_one() {
        let schema = json!({"type": "object", "required": ["n"]});
        let echo = async |task: Task| task.input::<Value>();
        let mut harness = Harness::of(Worker::builder().queue_checked("n", &schema, echo));
        assert_eq!(
            outcome(&harness.call(json!({"n": 1})).await),
            Ok(json!({"n": 1}))
        );
        assert_eq!(
            outcome(&harness.call(json!({})).await).unwrap_err().error,
            "Worker.BadInput"
        );
        let wrong = Worker::builder()
            .queue_checked("n", &json!({"type": 7}), echo)
            .build();
        assert!(matches!(wrong, Err(WorkerError::BadSchema { queue, .. }) if queue == "n"));
    }
}

#[cfg(feature = "inbox")]
mod once {
    use super::*;
    use baton_worker::Inbox;
    use baton_worker::rusqlite::{Connection, Transaction};

    fn book(task: &Task, transaction: &Transaction<'_>) -> Result<Value, TaskError> {
        let amount: i64 = task.input()?;
        let failed = |error| TaskError::new("Database", error);
        transaction
            .execute("INSERT INTO bookings (amount) VALUES (?1)", [amount])
            .map_err(failed)?;
        if amount < 0 {
            return Err(TaskError::new("Negative", "no"));
        }
        Ok(json!({"booked": amount}))
    }

    #[tokio::test]
    async fn effects_happen_once_also_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.db");
        let count = || {
            let database = Connection::open(&path).unwrap();
            database
                .query_row("SELECT count(*) FROM bookings", [], |row| {
                    row.get::<_, i64>(0)
                })
                .unwrap()
        };
        Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE bookings (amount INTEGER)")
            .unwrap();
        let (good, bad) = (command(5), command(-5));
        // A new harness has no memory of its own, as a worker that was killed and started again.
        for _ in 0..2 {
            let inbox = Inbox::open(&path).unwrap();
            let mut harness = Harness::of(Worker::builder().queue_once("book", &inbox, book));
            harness.send(good.clone());
            assert_eq!(
                outcome(&harness.completion().await),
                Ok(json!({"booked": 5}))
            );
            harness.send(bad.clone());
            assert_eq!(
                outcome(&harness.completion().await),
                Err(TaskError::new("Negative", "no"))
            );
            assert_eq!(count(), 1, "one booking, and none of the failed task");
        }
    }
}
