//! Starting executions from a worker, by records on the requests topic.
//!
//! Owns: a start request from its parts to the broker's acknowledgement. Whether the start was accepted is said nowhere:
//! one that can't be (an unknown machine, say) goes to the dead-letter topic with the reason.

use crate::error::{BAD_INPUT, TaskError};
use crate::kafka::requests::Requests;
use crate::{Task, WorkerError};
use baton_schemas::Payload;
use baton_schemas::arn::{ExecutionArn, execution_arn, name_problem, state_machine_arn};
use baton_schemas::request::{Request, StartRequest};
use baton_schemas::topics::{PREFIX_DEFAULT, Topics};
use serde::Serialize;
use std::sync::Arc;

/// Error name of a start request that no broker took; worth a `Retry`.
pub const NOT_SENT: &str = "Worker.StartNotSent";

/// Starts executions; cheap to clone.
#[derive(Clone)]
pub struct Starter {
    requests: Arc<Requests>,
}

impl Starter {
    /// Connects lazily. `kafka` is `host:port`, several separated by commas.
    ///
    /// # Errors
    /// A property that librdkafka doesn't take.
    pub fn new(kafka: &str) -> Result<Self, WorkerError> {
        Self::with_prefix(kafka, PREFIX_DEFAULT)
    }

    /// The same for topics with another prefix than `baton.`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_prefix(kafka: &str, prefix: &str) -> Result<Self, WorkerError> {
        let requests = Requests::new(kafka, Topics::new(prefix).requests)?;
        Ok(Self {
            requests: Arc::new(requests),
        })
    }

    /// Starts execution `name` of the machine called `machine`, in the region and account of the task's own execution;
    /// completes when the request is durable. The same name with the same input is one start, so `name` should follow
    /// from the task's input. Returns the ARN of the execution.
    ///
    /// # Errors
    /// `Worker.BadInput` for a name that can't be one; [`NOT_SENT`].
    pub async fn start(
        &self,
        task: &Task,
        machine: &str,
        name: &str,
        input: impl Serialize,
    ) -> Result<Arc<str>, TaskError> {
        let request = request(task, machine, name, input)?;
        let execution = request.execution().clone();
        let sent = self.requests.send(&request).await;
        sent.map_err(|e| TaskError::new(NOT_SENT, e))?;
        Ok(execution)
    }
}

fn request(
    task: &Task,
    machine: &str,
    name: &str,
    input: impl Serialize,
) -> Result<Request, TaskError> {
    let bad = |what: String| TaskError::new(BAD_INPUT, what);
    for (what, text) in [("machine", machine), ("execution", name)] {
        if let Some(problem) = name_problem(text) {
            return Err(bad(format!("the name of the {what}, {text:?}, {problem}")));
        }
    }
    let own = ExecutionArn::parse(task.execution())
        .ok_or_else(|| bad(format!("{} is no execution ARN", task.execution())))?;
    let machine = state_machine_arn(own.region, own.account, machine);
    let execution = execution_arn(&machine, name)
        .ok_or_else(|| bad(format!("{machine} is no machine's ARN")))?;
    let text = serde_json::to_string(&input).map_err(|e| bad(format!("the input: {e}")))?;
    Ok(Request::Start(StartRequest {
        execution,
        machine,
        name: name.into(),
        input: Payload::from_text(&text).map_err(|e| bad(format!("the input: {e}")))?,
        reply_to: None,
        traceparent: task.traceparent().map(Arc::from),
        parent: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Harness, outcome};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_request_is_for_the_machine_beside_the_task_s_own() {
        let mut harness = Harness::new("start", async |task: Task| -> Result<Value, TaskError> {
            let input = json!({"a": 1});
            let bad = request(&task, "next", "no spaces", &input).expect_err("refused");
            assert!(bad.cause.contains("\"no spaces\", contains ' '"), "{bad}");
            let Request::Start(start) = request(&task, "next", "n", &input)? else {
                return Err(TaskError::new("Test", "not a start"));
            };
            assert_eq!(start.input.as_str(), r#"{"a":1}"#);
            Ok(json!([start.machine, start.execution, task.execution()]))
        });
        let said = outcome(&harness.call(json!({})).await).expect("a start");
        let text = |at: usize| said[at].as_str().expect("text");
        let own = ExecutionArn::parse(text(2)).expect("an ARN");
        let machine = state_machine_arn(own.region, own.account, "next");
        assert_eq!(text(0), &*machine);
        assert_eq!(text(1), &*execution_arn(&machine, "n").expect("an ARN"));
    }
}
