//! One way to start an execution, for every test.

use baton_language::{Program, compile};
use baton_machine::{Effect, Execution, Limits, Start, Step, Stimulus, TaskCommand, aws_history};
use baton_schemas::Payload;
use baton_schemas::history::{Failure, Started};
use std::sync::Arc;

/// ARN of the execution under test.
pub const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:machine:run";
/// When it starts.
pub const START_MS: i64 = 1_700_000_000_000;

/// A program that must compile.
pub fn program(definition: &str) -> Arc<Program> {
    Arc::new(compile(definition).expect("the definition is valid").0)
}

/// JSON that must parse.
pub fn json(text: &str) -> Payload {
    Payload::from_text(text).expect("valid JSON")
}

/// What to start with.
pub fn start(input: &str) -> Start {
    let started = Started {
        machine: Arc::from("arn:aws:states:us-east-1:000000000000:stateMachine:machine"),
        revision: 7,
        role_arn: Arc::from("role"),
        traceparent: None,
        reply_to: None,
        qualifier: None,
        express: None,
        parent: None,
    };
    Start {
        arn: Arc::from(ARN),
        started,
        input: json(input),
    }
}

/// An execution of `definition`, begun, and its first step.
pub fn begin(definition: &str, input: &str) -> (Execution, Step) {
    Execution::start(
        program(definition),
        start(input),
        START_MS,
        Limits::default(),
    )
}

/// An error without a cause.
pub fn failure(error: &str) -> Failure {
    Failure {
        error: Some(Arc::from(error)),
        cause: None,
    }
}

/// A tick whose owner has been there since the start.
pub fn tick() -> Stimulus {
    Stimulus::Tick {
        heartbeats_since_ms: START_MS,
    }
}

/// The commands among a step's effects.
pub fn commands(step: &Step) -> Vec<&TaskCommand> {
    let mut found = Vec::new();
    for effect in &step.effects {
        if let Effect::Command(command) = effect {
            found.push(command);
        }
    }
    found
}

/// The names of a step's events, internal ones too.
pub fn names(step: &Step) -> Vec<&'static str> {
    step.events
        .iter()
        .map(|event| aws_history::type_name(&event.kind))
        .collect()
}
