//! A worker that returns its input, for measurements: `echo [--kafka HOST:PORT] [--prefix P] [--instance NAME] QUEUE...`.
//!
//! With `--instance`, a name that no other worker of the group has, it keeps its partitions over a restart.
//!
//! With `BATON_ECHO_LOG=FILE`, each run of the handler adds the task's token to that file as a line: so a test can count
//! how often a task ran.

use baton_examples::brokers;
use baton_worker::{Payload, Task, TaskError, Worker, WorkerError};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::LazyLock;

/// As in `baton` itself: librdkafka makes records on one thread and frees them on another.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The file of `BATON_ECHO_LOG`, if it is set and can be written.
static RUNS: LazyLock<Option<File>> = LazyLock::new(|| {
    let path = std::env::var_os("BATON_ECHO_LOG")?;
    let opened = OpenOptions::new().create(true).append(true).open(&path);
    opened
        .inspect_err(|e| {
            eprintln!(
                "BATON_ECHO_LOG={}: {e}; runs are not counted",
                path.display()
            )
        })
        .ok()
});

async fn echo(task: Task) -> Result<Payload, TaskError> {
    if let Some(mut runs) = RUNS.as_ref() {
        // One write a line: what is written survives a kill -9, and lines never mix.
        runs.write_all(format!("{}\n", task.token().as_str()).as_bytes())
            .map_err(|e| TaskError::new("Echo.Log", e.to_string()))?;
    }
    Ok(task.raw_input().clone())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), WorkerError> {
    let mut worker = Worker::builder().kafka(brokers());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        worker = match (word.as_str(), words.len()) {
            ("--kafka", 1..) => worker.kafka(words.next().unwrap_or_default()),
            ("--prefix", 1..) => worker.prefix(words.next().unwrap_or_default()),
            ("--instance", 1..) => {
                let name = words.next().unwrap_or_default();
                worker.consumer_config("group.instance.id", name)
            }
            ("--queue", _) => worker,
            _ => worker.queue(word, echo),
        };
    }
    worker.run().await
}
