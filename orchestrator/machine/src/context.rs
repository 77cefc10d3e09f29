//! What the expressions of a state see: its input, the context object (`$$`, `$states.context`), variables, chance.
//!
//! Owns: what the context object shows (AWS: "Accessing execution data from the Context object"). Everything is built
//! at first use, and only for states whose texts name it.

use crate::data::Doc;
use crate::execution::Execution;
use crate::frame::Frame;
use baton_language::choice::Rule;
use baton_language::jsonata::{Expression, Form, Reads, Session, Source, Surroundings, Warm};
use baton_language::path::{Path, Scope};
use baton_language::program::{Recipe, StateKind};
use baton_language::template::Template;
use baton_language::{Chance, EvalError, Variables};
use baton_schemas::history::Express;
use baton_schemas::{Payload, TaskToken, time};
use serde_json::{Map, Value, json};
use std::cell::{OnceCell, RefCell};

/// Evaluates paths, templates, rules and JSONata for one state of one frame.
pub(crate) struct Lens<'a> {
    execution: &'a Execution,
    frame: &'a Frame,
    /// What the state's texts may read.
    reads: &'a Reads,
    /// When the decision is made, milliseconds since the epoch.
    now_ms: i64,
    /// `$states.result`
    result: Option<Source<'a>>,
    /// `$states.errorOutput`
    error_output: Option<Source<'a>>,
    /// The event that will schedule the task, for `$$.Task.Token`.
    task: Option<u64>,
    /// The item of an iteration that is about to start.
    item: Option<(u64, &'a Payload)>,
    /// Draws from the execution and the last event, so that what is decided again is decided alike.
    chance: Chance<'a>,
    context: OnceCell<Value>,
    variables: OnceCell<Variables>,
    warm: RefCell<Warm>,
}

impl<'a> Lens<'a> {
    /// For the state that `frame` is in.
    pub fn new(execution: &'a Execution, frame: &'a Frame, now_ms: i64) -> Self {
        let state = frame.state.map(|id| execution.program.state(id));
        Self {
            execution,
            frame,
            reads: state.map_or(Reads::NONE, |state| &state.reads),
            now_ms,
            result: None,
            error_output: None,
            task: None,
            item: None,
            chance: Chance::new(&execution.arn, execution.last_id),
            context: OnceCell::new(),
            variables: OnceCell::new(),
            warm: RefCell::default(),
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

    /// The same, with `$states.result`.
    pub fn with_result(mut self, result: Source<'a>) -> Self {
        self.result = Some(result);
        self
    }

    /// The same, with `$states.errorOutput`.
    pub fn with_error(mut self, error_output: Source<'a>) -> Self {
        self.error_output = Some(error_output);
        self
    }

    /// The path's value.
    pub fn select(&self, path: &Path, input: &Value) -> Result<Value, EvalError> {
        path.select(self.scope(input, None))
    }

    /// The template, filled from a text, or from a value.
    pub fn render(&self, template: &Template, input: &Doc) -> Result<Value, EvalError> {
        let text = match input {
            Doc::Text(payload) => Some(payload.as_str()),
            Doc::Value(_) => None,
        };
        template.render(self.scope(&input.view(), text))
    }

    /// Whether the rule holds.
    pub fn matches(&self, rule: &Rule, input: &Value) -> Result<bool, EvalError> {
        rule.matches(self.scope(input, None))
    }

    /// The form, filled.
    pub fn fill(&self, form: &Form) -> Result<Value, EvalError> {
        self.in_session(|session| form.evaluate(session))
    }

    /// What the recipe makes; `input` is `$` of a template.
    pub fn make(&self, recipe: &Recipe, input: impl FnOnce() -> Doc) -> Result<Value, EvalError> {
        match recipe {
            Recipe::Template(template) => self.render(template, &input()),
            Recipe::Form(form) => self.fill(form),
        }
    }

    /// The expression's value, which must be of the kind `wanted` (`array`, `boolean`, `number`, `string`).
    pub fn value_of_kind(&self, expression: &Expression, wanted: &str) -> Result<Value, EvalError> {
        self.in_session(|session| expression.evaluate_as(wanted, session))
    }

    fn in_session<T>(&self, evaluate: impl FnOnce(&mut Session<'_>) -> T) -> T {
        let surroundings = Surroundings {
            input: Source::Text(self.frame.input.as_str()),
            result: self.result,
            error_output: self.error_output,
            context: self.context(),
            variables: self.variables(),
            now_ms: self.now_ms,
            chance: &self.chance,
        };
        let mut warm = self.warm.borrow_mut();
        evaluate(&mut Session::new(surroundings, self.reads, &mut warm))
    }

    /// `text` is the input as it came, if it is that.
    fn scope<'b>(&'b self, input: &'b Value, text: Option<&'b str>) -> Scope<'b> {
        Scope {
            input,
            text,
            context: self.context(),
            variables: self.variables(),
            chance: &self.chance,
        }
    }

    fn context(&self) -> &Value {
        let build = || {
            if self.reads.context {
                self.build()
            } else {
                Value::Null
            }
        };
        self.context.get_or_init(build)
    }

    fn variables(&self) -> &Variables {
        let find = || {
            let names = self.reads.names.iter();
            let found = names.filter_map(|name| {
                let value = self.execution.variable(self.frame, name)?;
                Some((name.clone(), value.to_value()))
            });
            found.collect()
        };
        self.variables.get_or_init(find)
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
            },
            "StateMachine": { "Id": &**machine, "Name": machine_name },
        });
        let Some(fields) = context.as_object_mut() else {
            return context;
        };
        // AWS shows no redrives to an execution whose caller waits for it.
        if execution.started.express != Some(Express::Synchronous)
            && let Some(shown) = fields.get_mut("Execution").and_then(Value::as_object_mut)
        {
            let count = Value::from(execution.redrive_count());
            shown.insert("RedriveCount".to_owned(), count);
            if let Some(redrive) = execution.last_redrive() {
                let at = Value::from(time::rfc3339(redrive.at_ms));
                shown.insert("RedriveTime".to_owned(), at);
            }
        }
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
