//! The smallest worker: greets.

use baton_worker::{Task, TaskError, Worker, WorkerError};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Guest {
    name: String,
}

async fn hello(task: Task) -> Result<Value, TaskError> {
    let guest: Guest = task.input()?;
    Ok(json!({ "greeting": format!("Hello, {}!", guest.name) }))
}

#[tokio::main]
async fn main() -> Result<(), WorkerError> {
    Worker::builder()
        .kafka("127.0.0.1:9092")
        .queue("hello", hello)
        .run()
        .await
}
