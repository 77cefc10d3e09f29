//! What the worker library promises over a real broker; skipped unless `BATON_TEST_KAFKA` names one.

mod support;

use baton_schemas::cloudevents as ce;
use baton_schemas::record::Outgoing;
use baton_schemas::{Control, Outcome, Record};
use baton_worker::{Payload, Task, TaskError};
use rdkafka::Offset;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Bench, LONG};
use tokio::sync::Semaphore;

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_done_once_and_poison_is_buried() {
    let Some(bench) = Bench::new("round-trip").await else {
        return;
    };
    let stop = Arc::new(Semaphore::new(0));
    // The worker comes before the queue's topic does.
    let worker = tokio::spawn(
        bench
            .worker()
            .queue("echo", echo)
            .build()
            .unwrap()
            .run_until(asked(&stop)),
    );
    bench.create(&bench.topics.commands("echo"), 1).await;
    let commands: Vec<_> = (0..50).map(|n| bench.command(json!({ "n": n }))).collect();
    let poison = Record {
        value: Some("no command".into()),
        key: Some("k".into()),
        ..Record::default()
    };
    bench.send(&bench.topics.commands("echo"), 0, &poison);
    commands.iter().for_each(|c| bench.command_to("echo", 0, c));
    bench.command_to("echo", 0, &commands[7]);
    bench.flush();

    let completions = bench.reader(&bench.topics.completions);
    for command in commands.iter().chain([&commands[7]]) {
        let completion = completions.completion();
        assert_eq!(
            (&completion.token, completion.outcome),
            (&command.token, Outcome::Succeeded(command.input.clone()))
        );
    }
    let letter = bench.reader(&bench.topics.dead_letter).next();
    assert_eq!(
        (letter.value.as_deref(), letter.key.as_deref()),
        (Some(&b"no command"[..]), Some(&b"k"[..]))
    );
    assert_eq!(header(&letter, ce::REASON), "header `ce_type` is missing");
    assert_eq!(header(&letter, ce::ORIGINAL_OFFSET), "0");

    stop.add_permits(1);
    worker.await.unwrap().unwrap();
    assert_eq!(bench.committed("echo", 0), Offset::Offset(52));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_running_handlers_finish_and_takes_no_more() {
    let Some(bench) = Bench::new("drain").await else {
        return;
    };
    bench.create(&bench.topics.commands("slow"), 1).await;
    let (stop, started, gate) = (
        Arc::new(Semaphore::new(0)),
        Arc::new(Semaphore::new(0)),
        Arc::new(Semaphore::new(0)),
    );
    let (begin, end) = (Arc::clone(&started), Arc::clone(&gate));
    let slow = move |task: Task| {
        let (begin, end) = (Arc::clone(&begin), Arc::clone(&end));
        async move {
            begin.add_permits(1);
            end.acquire().await.unwrap().forget();
            Ok::<_, TaskError>(task.raw_input().clone())
        }
    };
    let worker = bench
        .worker()
        .queue("slow", slow)
        .concurrency(2)
        .build()
        .unwrap();
    let worker = tokio::spawn(worker.run_until(asked(&stop)));
    for n in 0..5 {
        bench.command_to("slow", 0, &bench.command(json!(n)));
    }
    bench.flush();
    started.acquire_many(2).await.unwrap().forget();
    stop.add_permits(1);
    gate.add_permits(2);
    tokio::time::timeout(LONG, worker)
        .await
        .expect("drained in time")
        .unwrap()
        .unwrap();
    let completions = bench.reader(&bench.topics.completions);
    let done: BTreeSet<_> = (0..2)
        .map(|_| output(completions.completion().outcome))
        .collect();
    let committed = match bench.committed("slow", 0) {
        Offset::Offset(next) => next,
        other => panic!("nothing committed: {other:?}"),
    };
    // A slot that came free before the stop was seen may have let in one more.
    assert!(
        done.contains("0") && done.contains("1") && (2..=3).contains(&committed),
        "{done:?} {committed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_worker_left_is_done_by_the_next() {
    let Some(bench) = Bench::new("handover").await else {
        return;
    };
    bench.create(&bench.topics.commands("work"), 4).await;
    let commands: Vec<_> = (0..400).map(|n| bench.command(json!(n))).collect();
    let completions = bench.reader(&bench.topics.completions);
    let (mut done, mut rest) = (BTreeSet::new(), commands.iter());
    // Three workers after one another, each joining while the one before still runs.
    let mut running = Vec::new();
    for _ in 0..3 {
        let stop = Arc::new(Semaphore::new(0));
        let worker = bench
            .worker()
            .queue("work", later)
            .concurrency(8)
            .build()
            .unwrap();
        running.push((
            Arc::clone(&stop),
            tokio::spawn(worker.run_until(asked(&stop))),
        ));
        for (n, command) in rest.by_ref().take(130).enumerate() {
            bench.command_to("work", n as i32 % 4, command);
        }
        bench.flush();
        done.insert(completions.completion().token);
        if running.len() > 1 {
            let (stop, worker) = running.remove(0);
            stop.add_permits(1);
            worker.await.unwrap().unwrap();
        }
    }
    for (n, command) in rest.enumerate() {
        bench.command_to("work", n as i32 % 4, command);
    }
    bench.flush();
    while done.len() < commands.len() {
        done.insert(completions.completion().token);
    }
    assert!(commands.iter().all(|command| done.contains(&command.token)));
    let (stop, worker) = running.remove(0);
    stop.add_permits(1);
    worker.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_reaches_the_running_task() {
    let Some(bench) = Bench::new("cancel").await else {
        return;
    };
    bench.create(&bench.topics.commands("wait"), 1).await;
    let (stop, started) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let begin = Arc::clone(&started);
    let wait = move |task: Task| {
        begin.add_permits(1);
        async move {
            task.cancelled().await;
            Ok::<_, TaskError>("cancelled")
        }
    };
    let worker = tokio::spawn(
        bench
            .worker()
            .queue("wait", wait)
            .build()
            .unwrap()
            .run_until(asked(&stop)),
    );
    let command = bench.command(json!(null));
    bench.command_to("wait", 0, &command);
    bench.flush();
    started.acquire().await.unwrap().forget();
    let completions = bench.reader(&bench.topics.completions);
    let heard = tokio::task::spawn_blocking(move || completions.completion().outcome);
    // Workers listen from the end: said again until the worker, having joined, hears it.
    let control = Control::Cancelled(command.token.clone()).to_record();
    while !heard.is_finished() {
        bench.send(&bench.topics.control, 0, &control);
        bench.flush();
    }
    assert_eq!(output(heard.await.unwrap()), "\"cancelled\"");
    stop.add_permits(1);
    worker.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_too_large_for_the_broker_is_a_failure() {
    let Some(bench) = Bench::new("large").await else {
        return;
    };
    bench.create(&bench.topics.commands("large"), 1).await;
    let stop = Arc::new(Semaphore::new(0));
    let large = async |_: Task| Ok::<_, TaskError>("x".repeat(2_000_000));
    let worker = tokio::spawn(
        bench
            .worker()
            .queue("large", large)
            .build()
            .unwrap()
            .run_until(asked(&stop)),
    );
    bench.command_to("large", 0, &bench.command(json!(null)));
    bench.flush();
    match bench.reader(&bench.topics.completions).completion().outcome {
        Outcome::Failed(failure) => {
            assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"))
        }
        other => panic!("{other:?}"),
    }
    stop.add_permits(1);
    worker.await.unwrap().unwrap();
    assert_eq!(bench.committed("large", 0), Offset::Offset(1));
}

async fn echo(task: Task) -> Result<Payload, TaskError> {
    Ok(task.raw_input().clone())
}

async fn later(task: Task) -> Result<Payload, TaskError> {
    tokio::task::yield_now().await;
    Ok(task.raw_input().clone())
}

fn asked(stop: &Arc<Semaphore>) -> impl Future<Output = ()> + Send + use<> {
    let stop = Arc::clone(stop);
    async move { drop(stop.acquire().await) }
}

fn output(outcome: Outcome) -> String {
    match outcome {
        Outcome::Succeeded(output) => output.as_str().to_owned(),
        other => panic!("not a success: {other:?}"),
    }
}

fn header(record: &Record, name: &str) -> String {
    let found = record.headers.iter().find(|(key, _)| key == name);
    String::from_utf8_lossy(&found.unwrap_or_else(|| panic!("no {name}")).1).into_owned()
}
