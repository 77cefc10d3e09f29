//! One rehearsal: the real machine, mocks for workers, and a clock that jumps.
//!
//! Owns: the order of what happens: answers and timers by their time, an answer first. Must not: decide anything that the
//! machine decides.

use super::file::{Answer, Answers, Test};
use baton_language::Program;
use baton_machine::{Closing, Effect, Execution, Limits, Start, Step, Stimulus};
use baton_schemas::Payload;
use baton_schemas::history::{Event, EventKind, Failure, Started};
use baton_schemas::time::parse_rfc3339;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When an execution starts, if its test does not say.
const START: &str = "2026-01-01T00:00:00Z";
/// Most answers and timers of one execution: what needs more runs for ever.
const STEPS_MAX: usize = 100_000;
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:machine:test";
const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:machine";

/// What became of an execution.
#[derive(Debug)]
pub struct Rehearsed {
    /// How it closed; `None` if it waits for ever.
    pub closing: Option<Closing>,
    /// All that happened.
    pub events: Vec<Event>,
    /// How long it took, milliseconds.
    pub took_ms: i64,
    /// Calls of each state's task.
    pub calls: BTreeMap<String, usize>,
    /// What went wrong with the mocks, in words.
    pub complaints: Vec<String>,
}

/// Runs a test's execution until it has closed or waits for ever.
///
/// # Errors
/// When the test's time or input can't be used.
pub fn run(program: &Arc<Program>, test: &Test) -> Result<Rehearsed, String> {
    let start_ms = parse_rfc3339(test.at.as_deref().unwrap_or(START))
        .ok_or_else(|| "`at` must be a time such as 2026-01-31T12:00:00Z".to_owned())?;
    let start = Start {
        arn: EXECUTION.into(),
        started: Started {
            machine: MACHINE.into(),
            revision: 1,
            role_arn: "arn:aws:iam::000000000000:role/none".into(),
            traceparent: None,
            reply_to: None,
            qualifier: None,
            express: None,
            parent: None,
        },
        input: Payload::from_value(&test.input),
    };
    let (execution, step) = Execution::start(program.clone(), start, start_ms, Limits::default());
    let mut stage = Stage {
        execution,
        test,
        now_ms: start_ms,
        due: BTreeSet::new(),
        answers: BTreeMap::new(),
        seen: Rehearsed {
            closing: None,
            events: Vec::new(),
            took_ms: 0,
            calls: BTreeMap::new(),
            complaints: Vec::new(),
        },
    };
    stage.take(step);
    for _ in 0..STEPS_MAX {
        if stage.seen.closing.is_some() || !stage.go_on() {
            stage.seen.took_ms = stage.now_ms - start_ms;
            return Ok(stage.seen);
        }
    }
    stage.seen.took_ms = stage.now_ms - start_ms;
    stage
        .seen
        .complaints
        .push(format!("it did not end within {STEPS_MAX} steps"));
    Ok(stage.seen)
}

struct Stage<'a> {
    execution: Execution,
    test: &'a Test,
    now_ms: i64,
    /// `(time, task)` of answers and heartbeats to come.
    due: BTreeSet<(i64, u64)>,
    /// When each task answers, and how.
    answers: BTreeMap<u64, (i64, Answer)>,
    seen: Rehearsed,
}

impl Stage<'_> {
    /// Lets the next thing happen; `false` if nothing will.
    fn go_on(&mut self) -> bool {
        let timer_ms = self.execution.next_due_ms(0);
        let next = self.due.first().copied();
        match (next, timer_ms) {
            (Some((at_ms, task)), timer) if timer.is_none_or(|timer| at_ms <= timer) => {
                self.due.pop_first();
                self.now_ms = self.now_ms.max(at_ms);
                let stimulus = self.answer(task, at_ms);
                self.tell(stimulus);
                true
            }
            (_, Some(timer_ms)) => {
                self.now_ms = self.now_ms.max(timer_ms);
                let heartbeats_since_ms = 0;
                self.tell(Some(Stimulus::Tick {
                    heartbeats_since_ms,
                }));
                true
            }
            (_, None) => false,
        }
    }

    fn tell(&mut self, stimulus: Option<Stimulus>) {
        if let Some(stimulus) = stimulus {
            let step = self.execution.handle(stimulus, self.now_ms);
            self.take(step);
        }
    }

    /// What a task says at its time: its answer, or a heartbeat before.
    fn answer(&mut self, task: u64, at_ms: i64) -> Option<Stimulus> {
        let (answers_ms, answer) = self.answers.get(&task)?;
        if at_ms < *answers_ms {
            let next_ms = at_ms + ms(answer.heartbeats.unwrap_or(1.0)).max(1);
            self.due.insert((next_ms.min(*answers_ms), task));
            return Some(Stimulus::Heartbeat { task });
        }
        let (_, answer) = self.answers.remove(&task)?;
        Some(match (answer.output, answer.error) {
            (Some(output), _) => Stimulus::TaskSucceeded {
                task,
                output: Payload::from_value(&output),
            },
            (None, error) => Stimulus::TaskFailed {
                task,
                failure: Failure {
                    error: error.map(Into::into),
                    cause: answer.cause.map(Into::into),
                },
            },
        })
    }

    fn take(&mut self, step: Step) {
        self.seen.events.extend(step.events);
        for effect in step.effects {
            match effect {
                Effect::Command(command) => {
                    self.call(&command.state, command.task, &command.queue, &command.input);
                }
                Effect::StartChild(child) if child.item.is_some() => {
                    let what = "a distributed Map starts executions, which a test doesn't run: \
                                give the test the states behind it, or the Map the mode INLINE";
                    self.seen.complaints.push(what.to_owned());
                }
                Effect::StartChild(child) => {
                    let state = self.state_of(child.task);
                    self.call(&state, child.task, &child.machine, &child.input);
                }
                Effect::Cancel { task } => drop(self.answers.remove(&task)),
                Effect::StopChild { .. } | Effect::Started { .. } => {}
                Effect::Closed(closing) => self.seen.closing = Some(closing),
            }
        }
    }

    /// Name of the state that scheduled a task.
    fn state_of(&self, task: u64) -> String {
        let events = &self.seen.events;
        let frame = events.iter().find(|event| event.id == task);
        let frame = frame.map_or(0, |event| event.frame);
        let before = events.iter().rev().skip_while(|event| event.id != task);
        let mut entered = before.filter_map(|event| match &event.kind {
            EventKind::StateEntered { name, .. } if event.frame == frame => Some(name),
            _ => None,
        });
        entered
            .next()
            .map_or_else(String::new, |name| name.to_string())
    }

    /// Somebody gets a task, of a queue or as an execution of a machine: the mock of its state says what becomes of it.
    fn call(&mut self, state: &str, task: u64, whom: &str, input: &Payload) {
        let state = state.to_owned();
        let number = self.seen.calls.entry(state.clone()).or_default();
        let answer = self
            .test
            .mocks
            .get(&state)
            .and_then(|answers: &Answers| answers.of(*number));
        *number += 1;
        let (number, given) = (*number, input.to_value());
        let Some(answer) = answer else {
            let what = format!("'{state}' calls {whom} with {given}, and has no mock");
            return self.seen.complaints.push(what);
        };
        if let Some(wanted) = answer.given.as_ref().filter(|wanted| **wanted != given) {
            let what = format!("call {number} of '{state}' was given {given}, not {wanted}");
            self.seen.complaints.push(what);
        }
        let answers_ms = match answer.never {
            true => i64::MAX,
            false => self.now_ms + ms(answer.after),
        };
        let first_ms = match answer.heartbeats {
            Some(every) => answers_ms.min(self.now_ms + ms(every).max(1)),
            None => answers_ms,
        };
        self.answers.insert(task, (answers_ms, answer.clone()));
        if first_ms < i64::MAX {
            self.due.insert((first_ms, task));
        }
    }
}

impl Rehearsed {
    /// Names of the states in the order in which they were entered.
    pub fn path(&self) -> Vec<&str> {
        let entered = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StateEntered { name, .. } => Some(&**name),
            _ => None,
        });
        entered.collect()
    }
}

fn ms(seconds: f64) -> i64 {
    (seconds.max(0.0) * 1_000.0).round() as i64
}
