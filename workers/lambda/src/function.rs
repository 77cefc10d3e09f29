//! A function as a worker's handler.

use crate::invocation::Invocation;
use crate::limits::{MEMORY_MB_DEFAULT, TIMEOUT_MAX};
use crate::pool::Pool;
use baton_worker::{Answer, Task, TaskError};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;
use tracing::Span;

/// Longest name of a function on AWS.
const NAME_LENGTH_MAX: usize = 64;

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Name of the function.
    pub function: String,
    /// Program and arguments that run it: a runtime interface client, or a custom runtime's `bootstrap`.
    pub command: Vec<OsString>,
    /// `_HANDLER`, for runtimes that read it.
    pub handler: Option<String>,
    /// How long one invocation may take.
    pub timeout: Duration,
    /// What the function is told to have.
    pub memory_mb: u32,
}

impl Options {
    /// Runs `function` by `command`, with AWS's longest timeout.
    ///
    /// # Errors
    /// A name that AWS would not take, or no command.
    pub fn new(function: impl Into<String>, command: Vec<OsString>) -> Result<Self, String> {
        let function = function.into();
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=NAME_LENGTH_MAX).contains(&function.len()) || !function.bytes().all(is_legal) {
            return Err(format!(
                "{function:?} is not the name of a function: use 1 to {NAME_LENGTH_MAX} characters of A-Z, a-z, 0-9, '-' and '_'"
            ));
        }
        if command.is_empty() {
            return Err("say behind `--` which command runs the function".to_owned());
        }
        Ok(Self {
            function,
            command,
            handler: None,
            timeout: TIMEOUT_MAX,
            memory_mb: MEMORY_MB_DEFAULT,
        })
    }
}

/// A function that can be called. Cheap to clone; its children live as long as the last clone.
#[derive(Clone)]
pub struct Function {
    name: Arc<str>,
    pool: Arc<Pool>,
}

impl Function {
    /// Starts nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            name: options.function.as_str().into(),
            pool: Arc::new(Pool::new(options)),
        }
    }

    /// The task queue of the function.
    #[must_use]
    pub fn queue(&self) -> String {
        format!("lambda.{}", self.name)
    }

    /// Runs one task. A task that is cancelled, or whose time is over, takes its child with it.
    ///
    /// # Errors
    /// The function's failure, or why it could not be called.
    pub async fn call(&self, task: Task) -> Result<Answer, TaskError> {
        let invocation = Invocation::of_task(&self.name, &task)?;
        let span = Span::current();
        let report = tokio::select! {
            report = self.pool.invoke(&invocation, &span) => report,
            () = task.cancelled() => {
                return Err(TaskError::new("Worker.Cancelled", "the task was cancelled; the function was ended"));
            }
        };
        let report = report.map_err(|error| {
            let command = "check the command of this worker";
            TaskError::new(
                "Runtime.InvalidEntrypoint",
                format!("the function could not be started: {error}; {command}"),
            )
        })?;
        report.into_answer(&invocation)
    }
}
