//! How many tasks a second an echo worker does; run by hand:
//! `BATON_TEST_KAFKA=host:port cargo test --release -p baton-worker --test throughput -- --ignored --nocapture`.

mod support;

use baton_schemas::record::Outgoing;
use baton_worker::{Task, TaskError};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::Bench;
use tokio::sync::Notify;

const TASKS: usize = 600_000;
const PARTITIONS: i32 = 4;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a check"]
async fn echo() {
    let Some(bench) = Bench::new("throughput").await else {
        return;
    };
    bench
        .create(&bench.topics.commands("echo"), PARTITIONS)
        .await;
    let input = json!({ "text": "x".repeat(280) });
    for n in 0..TASKS {
        let record = bench.command(input.clone()).to_record();
        bench.send(
            &bench.topics.commands("echo"),
            n as i32 % PARTITIONS,
            &record,
        );
    }
    bench.flush();
    let (count, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counted, last) = (Arc::clone(&count), Arc::clone(&done));
    let echo = move |task: Task| {
        if counted.fetch_add(1, Ordering::Relaxed) + 1 == TASKS {
            last.notify_one();
        }
        async move { Ok::<_, TaskError>(task.raw_input().clone()) }
    };
    let (begin, cpu) = (Instant::now(), cpu_ticks());
    let stop = async move { done.notified().await };
    bench
        .worker()
        .queue("echo", echo)
        .build()
        .unwrap()
        .run_until(stop)
        .await
        .unwrap();
    let (seconds, cpu) = (
        begin.elapsed().as_secs_f64(),
        (cpu_ticks() - cpu) as f64 / 100.0,
    );
    println!(
        "{TASKS} tasks in {seconds:.2} s with start and drain: {:.0}/s; {cpu:.2} s of CPU, {:.1} us a task",
        TASKS as f64 / seconds,
        cpu * 1e6 / TASKS as f64
    );
}

/// User and system time of this process, in hundredths of a second (proc(5), fields 14 and 15).
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}
