//! The task queues that a definition names, so that their topics exist before its first task.

use super::App;
use super::error::{ApiError, ErrorCode};
use crate::limits;
use baton_language::Program;
use baton_language::program::StateKind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;

impl App {
    /// Makes the topics of the queues that `program` sends to.
    pub(crate) async fn ensure_queues(
        &self,
        program: &Program,
        definition: &str,
    ) -> Result<(), ApiError> {
        self.ensure_topics(queues_of(program, definition).into_iter().collect())
            .await
    }

    /// Makes the topics of these queues.
    pub(crate) async fn ensure_topics(&self, queues: Vec<Arc<str>>) -> Result<(), ApiError> {
        if queues.is_empty() {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |result| drop(answer.send(result)));
        self.parts.queues.ensure(queues, answer);
        let failed = |why: String| {
            let message = format!("the topics of the task queues can't be made: {why}");
            ApiError::new(ErrorCode::ServiceUnavailable, message)
        };
        match tokio::time::timeout(limits::QUEUES_TIMEOUT, answered).await {
            Ok(Ok(result)) => result.map_err(failed),
            Ok(Err(_)) => Err(failed("this node is stopping".to_owned())),
            Err(_) => Err(failed("the broker did not answer in time".to_owned())),
        }
    }
}

/// Queues by ARN, and those of `lambda:invoke` whose function is written down. A function that is only known when the
/// task is scheduled must have its topic already.
pub fn queues_of(program: &Program, definition: &str) -> BTreeSet<Arc<str>> {
    let mut queues: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut by_parameters = false;
    for state in &program.states {
        if let StateKind::Task(task) = &state.kind {
            match &task.resource.queue {
                Some(queue) => drop(queues.insert(queue.clone())),
                None => by_parameters = true,
            }
        }
    }
    if by_parameters && let Ok(value) = serde_json::from_str(definition) {
        functions(&value, &mut queues);
    }
    queues
}

/// Every `FunctionName` that is a plain text, anywhere; nesting is bounded by the parser of the definition.
fn functions(value: &Value, queues: &mut BTreeSet<Arc<str>>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("FunctionName").and_then(Value::as_str) {
                let name = name.split_once("function:").map_or(name, |(_, rest)| rest);
                let name = name.split(':').next().unwrap_or(name);
                if !name.is_empty() && !name.starts_with("{%") {
                    queues.insert(format!("lambda.{name}").into());
                }
            }
            fields.values().for_each(|v| functions(v, queues));
        }
        Value::Array(items) => items.iter().for_each(|v| functions(v, queues)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn functions_are_found_by_name_and_arn() {
        let definition = json!({
            "A": {"Parameters": {"FunctionName": "resize:live"}},
            "B": [{"Arguments": {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:label"}}],
            "C": {"FunctionName.$": "$.name", "FunctionName": "{% $name %}"}
        });
        let mut queues = BTreeSet::new();
        functions(&definition, &mut queues);
        let queues: Vec<&str> = queues.iter().map(|q| &**q).collect();
        assert_eq!(queues, ["lambda.label", "lambda.resize"]);
    }
}
