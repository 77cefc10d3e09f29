//! A worker that returns its input, for measurements: `echo [--kafka HOST:PORT] [--prefix P] QUEUE...`.

use baton_examples::brokers;
use baton_worker::{Payload, Task, TaskError, Worker, WorkerError};

async fn echo(task: Task) -> Result<Payload, TaskError> {
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
            ("--queue", _) => worker,
            _ => worker.queue(word, echo),
        };
    }
    worker.run().await
}
