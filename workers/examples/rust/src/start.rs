//! Queue `start-workflow`: starts an execution of another machine.
//!
//! Input `{"machine": name, "name": name of the execution, "input": any JSON}`; output `{"executionArn"}`. The name
//! follows from the input, so a repeated task is the same start.

use baton_worker::{Starter, Task, TaskError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
struct Input {
    machine: String,
    name: String,
    input: Value,
}

/// What the task gives.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// ARN of the execution that was asked for.
    pub execution_arn: Arc<str>,
}

/// Asks for the start; done when the request is durable.
///
/// # Errors
/// `Worker.BadInput`, `Worker.StartNotSent`.
pub async fn start(starter: &Starter, task: Task) -> Result<Asked, TaskError> {
    let input: Input = task.input()?;
    let started = starter.start(&task, &input.machine, &input.name, input.input);
    Ok(Asked {
        execution_arn: started.await?,
    })
}
