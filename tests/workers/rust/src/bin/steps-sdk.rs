//! The steps on the worker library: `steps-sdk KAFKA QUEUE INSTANCE`.

use baton_worker::{Task, TaskError, Worker};
use baton_worker_steps::{Flaky, Step, perform};

async fn step(task: Task) -> Result<Step, TaskError> {
    let step = task.input()?;
    tokio::select! {
        done = perform(step) => done.map_err(|Flaky| TaskError::new("Flaky", "the first attempt fails")),
        () = task.cancelled() => Err(TaskError::new("Cancelled", "nobody wants it")),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kafka, queue, instance] = arguments.as_slice() else {
        return Err("usage: steps-sdk KAFKA QUEUE INSTANCE".into());
    };
    let worker = Worker::builder()
        .kafka(kafka)
        .consumer_config("group.instance.id", instance);
    Ok(worker.queue(queue, step).concurrency(1).run().await?)
}
