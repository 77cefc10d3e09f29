//! Handlers whose input is checked against a JSON Schema before they run.
//!
//! Owns: the check and what a wrong input is told. The schema is derived from the input's type, or given.

use crate::error::BAD_INPUT;
use crate::handler::{Handler, Output, to_answer};
use crate::limits::SCHEMA_FINDINGS_MAX;
use crate::{Task, TaskError, WorkerError};
use futures::future::BoxFuture;
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::marker::PhantomData;
use std::sync::Arc;

/// A schema, ready to check with.
pub(crate) struct Check(Validator);

impl Check {
    /// # Errors
    /// It is no JSON Schema.
    pub fn new(queue: &str, schema: &Value) -> Result<Self, WorkerError> {
        let bad = |error: jsonschema::ValidationError<'_>| WorkerError::BadSchema {
            queue: queue.to_owned(),
            reason: error.to_string(),
        };
        jsonschema::validator_for(schema).map(Self).map_err(bad)
    }

    fn input(&self, task: &Task) -> Result<Value, TaskError> {
        let input: Value = task.input()?;
        let findings = self.0.iter_errors(&input).take(SCHEMA_FINDINGS_MAX);
        let findings: Vec<String> = findings
            .map(|finding| match finding.instance_path().to_string() {
                top if top.is_empty() => finding.to_string(),
                at => format!("{at}: {finding}"),
            })
            .collect();
        if findings.is_empty() {
            return Ok(input);
        }
        let cause = format!(
            "the input of state {:?}: {}",
            task.state(),
            findings.join("; ")
        );
        Err(TaskError::new(BAD_INPUT, cause))
    }
}

/// A handler behind a check.
pub(crate) struct Checked<H> {
    check: Check,
    handler: H,
}

impl<H> Checked<H> {
    pub fn new(check: Check, handler: H) -> Self {
        Self { check, handler }
    }
}

impl<H: Handler> Handler for Checked<H> {
    fn start(&self, task: Task) -> BoxFuture<'static, Output> {
        match self.check.input(&task) {
            Ok(_) => self.handler.start(task),
            Err(wrong) => Box::pin(std::future::ready(Err(wrong))),
        }
    }
}

/// A handler that gets its input as a value, behind the check of that value's schema.
pub(crate) struct Typed<T, F> {
    check: Check,
    work: Arc<F>,
    input: PhantomData<fn() -> T>,
}

impl<T: JsonSchema, F> Typed<T, F> {
    /// # Errors
    /// The derived schema can't be used.
    pub fn new(queue: &str, work: F) -> Result<Self, WorkerError> {
        let schema = schemars::schema_for!(T).to_value();
        Ok(Self {
            check: Check::new(queue, &schema)?,
            work: Arc::new(work),
            input: PhantomData,
        })
    }
}

impl<T, F, Fut, R> Handler for Typed<T, F>
where
    T: DeserializeOwned + Send + 'static,
    F: Fn(T, Task) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, TaskError>> + Send + 'static,
    R: Serialize + 'static,
{
    fn start(&self, task: Task) -> BoxFuture<'static, Output> {
        let input = self.check.input(&task).and_then(|value| {
            serde_json::from_value(value).map_err(|error| TaskError::new(BAD_INPUT, error))
        });
        match input {
            Ok(input) => {
                let work = (self.work)(input, task);
                Box::pin(async move { work.await.and_then(|output| to_answer(&output)) })
            }
            Err(wrong) => Box::pin(std::future::ready(Err(wrong))),
        }
    }
}
