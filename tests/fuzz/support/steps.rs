//! One execution, stepped to its end, with a crash after every step: a machine folded from the history, as it stands in
//! the log, must equal the one that decided.

use baton_language::{Program, compile};
use baton_machine::{Effect, Execution, Limits, Start, Status, Step, Stimulus};
use baton_schemas::Payload;
use baton_schemas::history::{self, Failure, Started};
use std::sync::Arc;

const STEPS_MAX: usize = 80;
const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:m:run";

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
        express: None,
        parent: None,
    };
    let start = Start {
        arn: Arc::from(ARN),
        started,
        input: Payload::from_text(input).expect("JSON"),
    };
    let limits = Limits {
        history_events: 500,
        ..Limits::default()
    };
    let mut now_ms = 1_700_000_000_000;
    let (mut execution, mut step) = Execution::start(program.clone(), start, now_ms, limits);
    let mut log: Vec<Vec<u8>> = Vec::new();
    let mut answers = answers.iter();
    for _ in 0..STEPS_MAX {
        log.push(written(now_ms, &step));
        let folded = fold(&log, &program, limits, &step);
        assert!(
            folded == execution,
            "folding differs from deciding: {definition}"
        );
        assert_eq!(folded.next_due_ms(now_ms), execution.next_due_ms(now_ms));
        assert_eq!(folded.open_commands(), execution.open_commands());
        // The crash: what goes on is what was folded.
        execution = folded;
        let answer = answers.next().copied();
        if answer.is_none() && execution.status() != Status::Running {
            return;
        }
        let Some(stimulus) = stimulus(&execution, answer, &mut now_ms) else {
            return;
        };
        step = execution.handle(stimulus, now_ms);
    }
}

/// What happens next; without an answer only time goes on. None if nothing would ever happen.
fn stimulus(execution: &Execution, answer: Option<u8>, now_ms: &mut i64) -> Option<Stimulus> {
    let open = execution.open_commands();
    let answer = answer.unwrap_or(7);
    let which = usize::from(answer >> 4);
    let task = open
        .get(which % open.len().max(1))
        .map(|command| command.task);
    Some(match (answer & 15, task) {
        (0..=2, Some(task)) => Stimulus::TaskSucceeded {
            task,
            output: Payload::from_text("{\"ok\":true}").expect("JSON"),
        },
        (3..=4, Some(task)) => Stimulus::TaskFailed {
            task,
            failure: Failure {
                error: Some(Arc::from("E")),
                cause: None,
            },
        },
        (5, Some(task)) => Stimulus::Heartbeat { task },
        (6, Some(task)) => Stimulus::TaskSubmitted {
            task,
            output: Payload::from_text("[1]").expect("JSON"),
        },
        (8, _) => Stimulus::Stop(Failure::default()),
        (9, _) => Stimulus::Pause,
        (10, _) => Stimulus::Resume,
        (11, _) => Stimulus::Redrive {
            token: Some(Arc::from("again")),
        },
        (12, _) => {
            *now_ms += i64::from(answer) * 100;
            Stimulus::Tick {
                heartbeats_since_ms: *now_ms,
            }
        }
        (13, _) => Stimulus::TaskSucceeded {
            task: which as u64,
            output: Payload::from_text("0").expect("JSON"),
        },
        (14, _) => Stimulus::TimeOut,
        _ => {
            *now_ms = (*now_ms).max(execution.next_due_ms(*now_ms)?);
            Stimulus::Tick {
                heartbeats_since_ms: *now_ms,
            }
        }
    })
}

/// The step as it stands in the log.
fn written(now: i64, step: &Step) -> Vec<u8> {
    let events = step.events.clone();
    serde_json::to_vec(&history::Step { now, events }).expect("events serialise")
}

/// The execution as the log alone gives it.
fn fold(log: &[Vec<u8>], program: &Arc<Program>, limits: Limits, last: &Step) -> Execution {
    let mut folded = Execution::empty(program.clone(), Arc::from(ARN), limits);
    let mut effects: Vec<Effect> = Vec::new();
    for record in log {
        let step: history::Step = serde_json::from_slice(record).expect("the log holds steps");
        effects.clear();
        for event in &step.events {
            folded.apply(event, step.now, &mut effects);
        }
    }
    assert_eq!(effects, last.effects, "folding has other effects");
    folded
}
