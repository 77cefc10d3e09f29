//! One run of the state.
//!
//! Owns: starting the machine around the state, giving it the mocked result as often as its retriers ask, and reading
//! from its events how the state ended.

use super::RETRIES_MAX;
use super::answer::Refusal;
use super::definition::{NAME, Tested};
use crate::aws_history;
use crate::{Effect, Execution, Start, Step, Stimulus};
use baton_language::Program;
use baton_schemas::Payload;
use baton_schemas::history::{Event, EventKind, Failure, Started};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What the state is run with.
pub(super) struct Trial<'a> {
    /// The state.
    pub tested: &'a Tested,
    /// Its input.
    pub input: Value,
    /// The context object.
    pub context: Value,
    /// Variables.
    pub variables: Value,
    /// How often it was tried before.
    pub retries: u32,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// How the state ended.
pub(super) enum Ended {
    /// It was left, well or by a catcher.
    Left {
        /// Its output.
        output: Payload,
        /// The state after it.
        next: Option<Arc<str>>,
        /// Variables that it assigned, as JSON texts.
        assigned: Map<String, Value>,
    },
    /// A retrier took its error.
    Retried {
        /// Number of the retrier, from 0.
        retrier: u32,
        /// Seconds until the next attempt.
        delay_s: i64,
    },
    /// Nothing took its error.
    Failed(Failure),
}

/// A mocked result.
pub(super) type Outcome = Result<Payload, Failure>;

impl Trial<'_> {
    /// The state as it is.
    pub fn whole(&self, mock: Option<&Outcome>) -> Result<Ended, Refusal> {
        self.run(self.tested.runnable(), &self.input, mock, self.retries)
    }

    /// The state without what takes its errors.
    pub fn bare(&self, mock: Option<&Outcome>) -> Result<Ended, Refusal> {
        let mut state = self.tested.runnable();
        state.retain(|name, _| name != "Retry" && name != "Catch");
        self.run(state, &self.input, mock, 0)
    }

    /// What a Pass state with these fields makes of `input`, or why it fails.
    pub fn passed(&self, input: &Value, fields: Value) -> Result<Result<Value, Failure>, Refusal> {
        let mut state = Map::from_iter([
            ("Type".to_owned(), Value::from("Pass")),
            ("End".to_owned(), true.into()),
        ]);
        let language = if self.tested.jsonata {
            "JSONata"
        } else {
            "JSONPath"
        };
        state.insert("QueryLanguage".to_owned(), language.into());
        if let Value::Object(fields) = fields {
            state.extend(fields);
        }
        Ok(match self.run(state, input, None, 0)? {
            Ended::Left { output, .. } => Ok(output.to_value()),
            Ended::Failed(failure) => Err(failure),
            Ended::Retried { .. } => Err(Failure::default()),
        })
    }

    /// Why the state as it was written fails before it does anything, if it does.
    pub fn refuses_input(&self) -> Result<Option<Failure>, Refusal> {
        let mut state = self.tested.state.clone();
        state.retain(|name, _| name != "Retry" && name != "Catch");
        let (program, start) = self.start_of(state, &self.input)?;
        let (_, step) = self.begun(&program, start);
        let kinds: Vec<&'static str> = after_entry(&step.events)
            .iter()
            .map(|e| aws_history::type_name(&e.kind))
            .collect();
        match step.events.last().map(|event| &event.kind) {
            Some(EventKind::ExecutionFailed(failure))
                if kinds
                    .iter()
                    .all(|kind| ["ExecutionFailed", "EvaluationFailed"].contains(kind)) =>
            {
                Ok(Some(without_preamble(failure)))
            }
            _ => Ok(None),
        }
    }

    /// Runs a state in place of the one tested.
    pub fn run(
        &self,
        state: Map<String, Value>,
        input: &Value,
        mock: Option<&Outcome>,
        retries: u32,
    ) -> Result<Ended, Refusal> {
        if retries > RETRIES_MAX {
            let what = format!("RetrierRetryCount must be at most {RETRIES_MAX}.");
            return Err(Refusal::validation(&what));
        }
        let (program, start) = self.start_of(state, input)?;
        let (mut execution, mut step) = self.begun(&program, start);
        let mut now_ms = self.now_ms;
        let mut left = retries;
        loop {
            if let Some(ended) = ended(&step.events, now_ms) {
                match ended {
                    Ended::Retried { .. } if left > 0 => left -= 1,
                    _ => return Ok(ended),
                }
            }
            let command = step.effects.iter().find_map(|effect| match effect {
                Effect::Command(command) => Some(command.task),
                Effect::StartChild(child) => Some(child.task),
                _ => None,
            });
            let stimulus = match (command, mock) {
                (Some(task), Some(Ok(output))) => Stimulus::TaskSucceeded {
                    task,
                    output: output.clone(),
                },
                (Some(task), Some(Err(failure))) => Stimulus::TaskFailed {
                    task,
                    failure: failure.clone(),
                },
                _ => match execution.next_due_ms(now_ms) {
                    Some(due_ms) => {
                        now_ms = now_ms.max(due_ms);
                        Stimulus::Tick {
                            heartbeats_since_ms: now_ms,
                        }
                    }
                    None => return Err(needs_mock()),
                },
            };
            step = execution.handle(stimulus, now_ms);
            if step.events.is_empty() {
                return Err(needs_mock());
            }
        }
    }

    fn start_of(
        &self,
        state: Map<String, Value>,
        input: &Value,
    ) -> Result<(Arc<Program>, Start), Refusal> {
        let nothing = Map::new();
        let variables = self.variables.as_object().unwrap_or(&nothing);
        let program = self.tested.program_with(state, variables)?;
        let input = json!({"input": input, "variables": variables});
        let started = Started {
            machine: Arc::from(""),
            revision: 0,
            role_arn: Arc::from(""),
            traceparent: None,
            reply_to: None,
            qualifier: None,
            express: None,
            parent: None,
        };
        let start = Start {
            arn: Arc::from("arn:aws:states:::express:TestState:TestState"),
            started,
            input: Payload::from_value(&input),
        };
        Ok((program, start))
    }

    fn begun(&self, program: &Arc<Program>, start: Start) -> (Execution, Step) {
        Execution::start_in(program.clone(), start, self.now_ms, self.context.clone())
    }
}

/// How the state ended by these events, if it did.
fn ended(events: &[Event], now_ms: i64) -> Option<Ended> {
    let events = after_entry(events);
    let exit = events.iter().position(
        |event| matches!(&event.kind, EventKind::StateExited { name, .. } if **name == *NAME),
    );
    if let Some(exit) = exit {
        let next = events.get(exit + 1).and_then(|event| match &event.kind {
            EventKind::StateEntered { name, .. } => Some(name.clone()),
            _ => None,
        });
        let output = events[exit]
            .data
            .clone()
            .unwrap_or_else(Payload::empty_object);
        return Some(Ended::Left {
            output,
            next,
            assigned: assigned(&events[exit]),
        });
    }
    match &events.last()?.kind {
        EventKind::RetryScheduled { due_ms, retrier } => Some(Ended::Retried {
            retrier: *retrier,
            delay_s: (due_ms - now_ms).max(0) / 1_000,
        }),
        EventKind::ExecutionFailed(failure) => Some(Ended::Failed(without_preamble(failure))),
        _ => None,
    }
}

/// The events since the state was entered; all, where it was entered before.
fn after_entry(events: &[Event]) -> &[Event] {
    let entered = events.iter().position(
        |event| matches!(&event.kind, EventKind::StateEntered { name, .. } if **name == *NAME),
    );
    entered.map_or(events, |at| &events[at + 1..])
}

/// Variables as the history shows them.
fn assigned(exited: &Event) -> Map<String, Value> {
    let shown = aws_history::to_aws(exited, 0, "", true).unwrap_or_default();
    let variables = &shown["stateExitedEventDetails"]["assignedVariables"];
    variables.as_object().cloned().unwrap_or_default()
}

/// AWS leaves out of TestState's causes where in an execution it happened.
fn without_preamble(failure: &Failure) -> Failure {
    let opening =
        format!("An error occurred while executing the state '{NAME}' (entered at the event id #");
    let cause = failure.cause.as_ref().map(|cause| {
        let rest = cause
            .strip_prefix(opening.as_str())
            .and_then(|rest| rest.split_once("). "));
        rest.map_or_else(|| cause.clone(), |(_, rest)| Arc::from(rest))
    });
    Failure {
        error: failure.error.clone(),
        cause,
    }
}

fn needs_mock() -> Refusal {
    let what = "This state calls something outside; TestState runs it with a mock only.";
    Refusal::validation(what)
}
