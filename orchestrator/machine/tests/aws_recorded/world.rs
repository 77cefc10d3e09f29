//! The world outside the machine: a virtual clock and tasks that answer as recorded.
//!
//! Owns: running one case to its end. Timeouts are never served: the machine's own timers must make them.

use crate::case::Case;
use crate::compare::Bindings;
use baton_language::compile;
use baton_machine::{
    Closing, Effect, Execution, Limits, Start, Status, Step, Stimulus, TaskCommand, aws_history,
};
use baton_schemas::Payload;
use baton_schemas::history::{EventKind, Failure, Started};
use baton_schemas::time::rfc3339;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::Arc;

const MACHINE: &str = "arn:aws:states:us-east-1:111111111111:stateMachine:machine";
const EXECUTION: &str = "arn:aws:states:us-east-1:111111111111:execution:machine:run";
const EXPRESS: &str = "arn:aws:states:us-east-1:111111111111:express:machine:run:id";
const START_MS: i64 = 1_767_225_600_000;
const STEPS_MAX: usize = 100_000;

/// What became of a case.
pub struct Outcome {
    pub status: Status,
    pub closing: Option<Closing>,
    /// As GetExecutionHistory shows it.
    pub history: Vec<Value>,
}

struct World<'a> {
    case: &'a Case,
    execution: Execution,
    replica: Execution,
    now_ms: i64,
    pending: VecDeque<Stimulus>,
    used: Vec<bool>,
    outcome: Outcome,
    resources: Vec<(u64, String, String)>,
}

/// Runs the case; an error if its definition is refused.
pub fn run(case: &Case) -> Result<Outcome, String> {
    let definition = match &case.definition {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let program = Arc::new(
        compile(&definition)
            .map_err(|found| format!("{found:?}"))?
            .0,
    );
    let arn: Arc<str> = Arc::from(if case.express { EXPRESS } else { EXECUTION });
    let limits = Limits::default();
    let started = Started {
        machine: Arc::from(MACHINE),
        revision: 1,
        role_arn: Arc::from("arn:aws:iam::111111111111:role/x"),
        traceparent: None,
        reply_to: None,
    };
    let input = Payload::from_value(&input(case));
    let replica = Execution::empty(program.clone(), arn.clone(), limits);
    let (execution, step) = Execution::start(
        program,
        Start {
            arn,
            started,
            input,
        },
        START_MS,
        limits,
    );
    let outcome = Outcome {
        status: Status::Running,
        closing: None,
        history: Vec::new(),
    };
    let used = vec![false; case.tasks.len()];
    let pending = VecDeque::new();
    let mut world = World {
        case,
        execution,
        replica,
        now_ms: START_MS,
        pending,
        used,
        outcome,
        resources: Vec::new(),
    };
    world.record(&step);
    world.live();
    Ok(world.outcome)
}

/// The input, with the time that the case asks for.
fn input(case: &Case) -> Value {
    if !case.has_need("clock-relative-input") {
        return case.input.clone();
    }
    let suffix = case
        .id
        .split('[')
        .nth(1)
        .map_or("", |rest| rest.trim_end_matches(']'));
    let second = rfc3339(START_MS + 3_000)
        .split('.')
        .next()
        .unwrap_or("")
        .to_owned();
    let text = case
        .input
        .to_string()
        .replace("<timestamp>", &format!("{second}{suffix}"));
    serde_json::from_str(&text).expect("still JSON")
}

impl World<'_> {
    fn live(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.execution.status() != Status::Running {
                break;
            }
            let stimulus = if let Some(stimulus) = self.pending.pop_front() {
                stimulus
            } else if self.case.has_need("stop-execution") {
                Stimulus::Stop(Failure::default())
            } else if self.case.has_need("still-running") {
                break;
            } else if let Some(due_ms) = self.execution.next_due_ms(START_MS) {
                self.now_ms = self.now_ms.max(due_ms);
                Stimulus::Tick {
                    heartbeats_since_ms: START_MS,
                }
            } else {
                break;
            };
            let step = self.execution.handle(stimulus, self.now_ms);
            self.record(&step);
        }
        self.outcome.status = self.execution.status();
    }

    /// Notes a step's events, checks that a replica that only applies them is the same, and serves its commands.
    fn record(&mut self, step: &Step) {
        let mut effects = Vec::new();
        for event in &step.events {
            self.replica.apply(event, self.now_ms, &mut effects);
            self.outcome
                .history
                .extend(aws_history::to_aws(event, self.now_ms, "us-east-1", true));
            match &event.kind {
                EventKind::TaskScheduled(t)
                | EventKind::LambdaFunctionScheduled(t)
                | EventKind::ActivityScheduled(t) => {
                    self.resources.push((
                        event.id,
                        t.resource.kind.to_string(),
                        t.resource.name.to_string(),
                    ));
                }
                _ => {}
            }
        }
        assert_eq!(
            effects, step.effects,
            "{}: replay finds other effects",
            self.case.id
        );
        assert!(
            self.replica == self.execution,
            "{}: replay differs from deciding",
            self.case.id
        );
        for effect in &step.effects {
            match effect {
                Effect::Command(command) => self.serve(command),
                Effect::Closed(closing) => self.outcome.closing = Some(closing.clone()),
                Effect::Cancel { .. } => {}
            }
        }
    }

    /// Hands out the next unused recorded call with the same resource and parameters.
    fn serve(&mut self, command: &TaskCommand) {
        let (kind, name) = self
            .resources
            .iter()
            .rev()
            .find(|(id, ..)| *id == command.task)
            .map_or(("", ""), |(_, kind, name)| (kind, name));
        let parameters = command.input.to_value();
        let found = self
            .case
            .tasks
            .iter()
            .enumerate()
            .position(|(index, task)| {
                let kind_matches = if kind.is_empty() {
                    ["lambda-arn", "activity"]
                        .contains(&task["resourceType"].as_str().unwrap_or(""))
                } else {
                    task["resourceType"] == kind
                };
                !self.used[index]
                    && kind_matches
                    && task["resource"] == name
                    && Bindings::new(&self.case.literal).matches(&task["parameters"], &parameters)
            });
        let Some(index) = found else { return };
        self.used[index] = true;
        self.answer(command.task, index);
    }

    fn answer(&mut self, task: u64, index: usize) {
        let recorded = &self.case.tasks[index];
        if recorded["resourceType"] == "activity"
            && let Some(worker) = self.worker()
        {
            self.pending
                .push_back(Stimulus::TaskStarted { task, worker });
        }
        if let Some(first) = recorded.get("submitted") {
            self.pending.push_back(Stimulus::TaskSubmitted {
                task,
                output: Payload::from_value(first),
            });
        }
        let outcome = &recorded["outcome"];
        let kind = outcome["type"].as_str().unwrap_or("");
        if kind.ends_with("Succeeded") {
            self.pending.push_back(Stimulus::TaskSucceeded {
                task,
                output: Payload::from_value(&outcome["output"]),
            });
        } else if kind.ends_with("Failed") {
            let failure = Failure {
                error: text(outcome, "error"),
                cause: text(outcome, "cause"),
            };
            self.pending
                .push_back(Stimulus::TaskFailed { task, failure });
        }
    }

    /// Name of the worker that polled, if one did.
    fn worker(&self) -> Option<Option<Arc<str>>> {
        let started = self
            .case
            .history()?
            .iter()
            .find(|event| event["type"] == "ActivityStarted")?;
        Some(
            started["activityStartedEventDetails"]["workerName"]
                .as_str()
                .map(Arc::from),
        )
    }
}

fn text(outcome: &Value, key: &str) -> Option<Arc<str>> {
    match outcome.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Arc::from(text.as_str())),
        Some(other) => Some(Arc::from(other.to_string())),
    }
}

/// An event without what is never compared.
pub fn details(event: &Value) -> Option<(&String, &Map<String, Value>)> {
    event
        .as_object()?
        .iter()
        .find(|(key, _)| key.ends_with("Details"))
        .and_then(|(key, value)| Some((key, value.as_object()?)))
}
