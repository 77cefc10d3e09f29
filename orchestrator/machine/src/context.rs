//! The context object (`$$`) and evaluation against it.
//!
//! Owns: what `$$` shows (AWS: "Accessing execution data from the Context object"). Built only for programs that read
//! it, and then once for each evaluation.

use crate::execution::Execution;
use crate::frame::Frame;
use baton_language::EvalError;
use baton_language::choice::Rule;
use baton_language::path::{Path, Scope};
use baton_language::program::StateKind;
use baton_language::template::Template;
use baton_schemas::{Payload, TaskToken, time};
use serde_json::{Map, Value, json};
use std::cell::OnceCell;

/// Evaluates paths, templates and rules for one state of one frame.
pub(crate) struct Lens<'a> {
    execution: &'a Execution,
    frame: &'a Frame,
    /// The event that will schedule the task, for `$$.Task.Token`.
    task: Option<u64>,
    /// The item of an iteration that is about to start.
    item: Option<(u64, &'a Payload)>,
    context: OnceCell<Value>,
}

impl<'a> Lens<'a> {
    /// For the state that `frame` is in.
    pub fn new(execution: &'a Execution, frame: &'a Frame) -> Self {
        Self {
            execution,
            frame,
            task: None,
            item: None,
            context: OnceCell::new(),
        }
    }

    /// The same, with `$$.Task.Token` of the task that event `task` will schedule.
    pub fn with_task(mut self, task: u64) -> Self {
        self.task = Some(task);
        self
    }

    /// The same, with `$$.Map.Item` of an iteration that is about to start.
    pub fn with_item(mut self, index: u64, value: &'a Payload) -> Self {
        self.item = Some((index, value));
        self
    }

    /// The path's value.
    pub fn select(&self, path: &Path, input: &Value) -> Result<Value, EvalError> {
        path.select(self.scope(input))
    }

    /// The template, filled.
    pub fn render(&self, template: &Template, input: &Value) -> Result<Value, EvalError> {
        template.render(self.scope(input))
    }

    /// Whether the rule holds.
    pub fn matches(&self, rule: &Rule, input: &Value) -> Result<bool, EvalError> {
        rule.matches(self.scope(input))
    }

    fn scope<'b>(&'b self, input: &'b Value) -> Scope<'b> {
        let build = || {
            if self.execution.program.reads_context {
                self.build()
            } else {
                Value::Null
            }
        };
        Scope {
            input,
            context: self.context.get_or_init(build),
        }
    }

    fn build(&self) -> Value {
        let execution = self.execution;
        if let Some(context) = &execution.context {
            return (**context).clone();
        }
        let (machine_name, name) = names(&execution.arn);
        let machine = &execution.started.machine;
        let mut context = json!({
            "Execution": {
                "Id": &*execution.arn,
                "Input": execution.input.to_value(),
                "StartTime": time::rfc3339(execution.started_ms),
                "Name": name,
                "RoleArn": &*execution.started.role_arn,
                "RedriveCount": 0,
            },
            "StateMachine": { "Id": &**machine, "Name": machine_name },
        });
        let Some(fields) = context.as_object_mut() else {
            return context;
        };
        if let Some(state) = self.frame.state {
            let mut shown = Map::new();
            shown.insert(
                "Name".to_owned(),
                Value::from(&*execution.program.state(state).name),
            );
            shown.insert(
                "EnteredTime".to_owned(),
                Value::from(time::rfc3339(self.frame.entered_ms)),
            );
            let kind = &execution.program.state(state).kind;
            if matches!(
                kind,
                StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)
            ) {
                shown.insert("RetryCount".to_owned(), Value::from(self.frame.attempt()));
            }
            fields.insert("State".to_owned(), Value::Object(shown));
        }
        if let Some(task) = self.task {
            let token = TaskToken::new(&execution.arn, task);
            fields.insert("Task".to_owned(), json!({ "Token": token.as_str() }));
        }
        if let Some((index, value)) = self.item.or_else(|| self.enclosing_item()) {
            fields.insert(
                "Map".to_owned(),
                json!({ "Item": { "Index": index, "Value": value.to_value() } }),
            );
        }
        context
    }

    /// The item of the innermost iteration that the frame is in.
    fn enclosing_item(&self) -> Option<(u64, &'a Payload)> {
        let mut frame = self.frame;
        while let Some(origin) = frame.origin {
            frame = self.execution.frame(origin.parent)?;
            if let Some(item) = frame
                .fork()
                .and_then(|fork| fork.items.get(origin.index as usize))
            {
                return Some((origin.index, item));
            }
        }
        None
    }
}

/// `(machine, execution)` named by an ARN `arn:aws:states:<region>:<account>:{execution|express}:<machine>:<name>[:<id>]`.
fn names(arn: &str) -> (&str, &str) {
    let mut parts = arn.split(':').skip(6);
    (parts.next().unwrap_or(""), parts.next().unwrap_or(""))
}
