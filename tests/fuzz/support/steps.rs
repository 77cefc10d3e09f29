//! One execution, stepped to its end, with a crash after every step: a machine folded from the events must equal the one
//! that decided.

use baton_language::{Program, compile};
use baton_machine::{Effect, Execution, Limits, Start, Status, Step, Stimulus};
use baton_schemas::Payload;
use baton_schemas::history::{Failure, Started};
use std::sync::Arc;

const STEPS_MAX: usize = 200;

/// Runs the definition, if it is one; tasks are answered by `answers`, the rest by time.
pub fn run(definition: &str, input: &str, answers: &[u8]) {
    let Ok((program, _)) = compile(definition) else {
        return;
    };
    let program = Arc::new(program);
    let started = Started {
        machine: Arc::from("arn:aws:states:us-east-1:000000000000:stateMachine:m"),
        revision: 0,
        role_arn: Arc::from(""),
        traceparent: None,
        reply_to: None,
        qualifier: None,
    };
    let arn: Arc<str> = Arc::from("arn:aws:states:us-east-1:000000000000:execution:m:run");
    let start = Start {
        arn: arn.clone(),
        started,
        input: Payload::from_text(input).expect("JSON"),
    };
    let limits = Limits {
        history_events: 2_000,
        ..Limits::default()
    };
    let mut now_ms = 1_700_000_000_000;
    let (mut execution, mut step) = Execution::start(program.clone(), start, now_ms, limits);
    let mut log: Vec<(i64, Step)> = Vec::new();
    let mut open = Vec::new();
    let mut answers = answers.iter();
    for _ in 0..STEPS_MAX {
        log.push((now_ms, step.clone()));
        let folded = fold(&log, &program, &arn, limits);
        assert!(folded == execution, "folding differs from deciding: {definition}");
        // The crash: what goes on is what was folded.
        execution = folded;
        if execution.status() != Status::Running {
            return;
        }
        open.extend(step.effects.iter().filter_map(|effect| match effect {
            Effect::Command(command) => Some(command.task),
            _ => None,
        }));
        let answer = answers.next().copied().unwrap_or(3);
        let stimulus = match (answer % 4, open.is_empty()) {
            (0, false) => Stimulus::TaskSucceeded {
                task: open.swap_remove(usize::from(answer / 4) % open.len()),
                output: Payload::from_text("{\"ok\":true}").expect("JSON"),
            },
            (1, false) => Stimulus::TaskFailed {
                task: open.swap_remove(usize::from(answer / 4) % open.len()),
                failure: Failure {
                    error: Some(Arc::from("E")),
                    cause: None,
                },
            },
            (2, false) => Stimulus::Heartbeat { task: open[0] },
            _ => match execution.next_due_ms(now_ms) {
                Some(due_ms) => {
                    now_ms = now_ms.max(due_ms);
                    Stimulus::Tick {
                        heartbeats_since_ms: now_ms,
                    }
                }
                None => return,
            },
        };
        step = execution.handle(stimulus, now_ms);
    }
}

/// The execution as the log alone gives it.
fn fold(log: &[(i64, Step)], program: &Arc<Program>, arn: &Arc<str>, limits: Limits) -> Execution {
    let mut folded = Execution::empty(program.clone(), arn.clone(), limits);
    let mut effects = Vec::new();
    for (now_ms, step) in log {
        effects.clear();
        for event in &step.events {
            folded.apply(event, *now_ms, &mut effects);
        }
        assert_eq!(effects, step.effects, "folding has other effects");
    }
    folded
}
