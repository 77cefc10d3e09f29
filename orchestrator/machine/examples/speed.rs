//! Measures the machine alone, single-threaded: a loop of Pass states and a flow of five tasks.
//!
//! Run with `cargo run --release -p baton-machine --example speed`. No log, no I/O: the figures are the floor of what a
//! step costs in deciding and applying.

#![expect(
    clippy::disallowed_methods,
    reason = "an example measures time; it decides nothing"
)]

use baton_language::{Program, compile};
use baton_machine::{Effect, Execution, Limits, Start, Status, Stimulus};
use baton_schemas::Payload;
use baton_schemas::history::Started;
use std::sync::Arc;
use std::time::Instant;

const EXECUTIONS: u32 = 100_000;

fn main() {
    passes();
    tasks();
    map(4_000);
    growth();
}

/// What a transition costs early in a history and 24,000 events in: a loop of a Task and a Choice, one step at a time.
fn growth() {
    let program = program(
        r#"{"StartAt":"T","States":{
            "T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.work","Next":"C"},
            "C":{"Type":"Choice","Choices":[{"Variable":"$.done","IsPresent":true,"Next":"E"}],"Default":"T"},
            "E":{"Type":"Succeed"}}}"#,
    );
    let output = Payload::from_text(r#"{"order":1}"#).expect("JSON");
    const STEPS: usize = 3_400;
    let mut spent = [0.0; 2];
    for _ in 0..50 {
        let (mut execution, mut step) =
            Execution::start(program.clone(), start(), 0, Limits::default());
        let mut began = Instant::now();
        for number in 0..STEPS {
            if number == STEPS / 10 {
                spent[0] += began.elapsed().as_secs_f64();
            }
            if number == STEPS * 9 / 10 {
                began = Instant::now();
            }
            let Some(Effect::Command(command)) = step.effects.first() else {
                break;
            };
            let succeeded = Stimulus::TaskSucceeded {
                task: command.task,
                output: output.clone(),
            };
            step = execution.handle(succeeded, 1);
        }
        spent[1] += began.elapsed().as_secs_f64();
    }
    let us = spent.map(|seconds| seconds * 1e6 / (50 * STEPS / 10) as f64);
    println!(
        "a step of 7 events: {:.2} us in the first tenth of a full history, {:.2} us in the last: {:.2} x",
        us[0],
        us[1],
        us[1] / us[0]
    );
}

/// A Map of so many items, each through one Pass: four events an item, in one step.
fn map(length: u32) {
    let program = program(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":40,"End":true,"ItemProcessor":{
            "StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}"#,
    );
    let items: Vec<String> = (0..length).map(|n| n.to_string()).collect();
    let began = Instant::now();
    let mut events = 0;
    for _ in 0..20 {
        let mut start = start();
        start.input = Payload::from_text(&format!("[{}]", items.join(","))).expect("JSON");
        let (execution, step) = Execution::start(program.clone(), start, 0, Limits::default());
        assert_eq!(execution.status(), Status::Succeeded);
        events += step.events.len();
    }
    println!(
        "map of {length}: {:.0} events/s",
        events as f64 / began.elapsed().as_secs_f64()
    );
}

/// A chain of 1,000 Pass states: 2,000 events in one step.
fn passes() {
    let states: Vec<String> = (0..1_000)
        .map(|n| {
            format!(
                r#""S{n}":{{"Type":"Pass",{}}}"#,
                if n < 999 {
                    format!(r#""Next":"S{}""#, n + 1)
                } else {
                    r#""End":true"#.to_owned()
                }
            )
        })
        .collect();
    let program = program(&format!(
        r#"{{"StartAt":"S0","States":{{{}}}}}"#,
        states.join(",")
    ));
    let began = Instant::now();
    let mut events = 0;
    for _ in 0..200 {
        let (execution, step) = Execution::start(program.clone(), start(), 0, Limits::default());
        assert_eq!(execution.status(), Status::Succeeded);
        events += step.events.len();
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "pass chain: {:.0} states/s, {:.0} events/s",
        200_000.0 / seconds,
        events as f64 / seconds
    );
}

/// Five Task states in a row: six steps.
fn tasks() {
    let states: Vec<String> = (0..5)
        .map(|n| {
            let next = if n < 4 {
                format!(r#""Next":"S{}""#, n + 1)
            } else {
                r#""End":true"#.to_owned()
            };
            format!(
                r#""S{n}":{{"Type":"Task","Resource":"arn:aws:states:::baton:task.work",{next}}}"#
            )
        })
        .collect();
    let program = program(&format!(
        r#"{{"StartAt":"S0","States":{{{}}}}}"#,
        states.join(",")
    ));
    let output = Payload::from_text(r#"{"order":1,"items":[1,2,3]}"#).expect("JSON");
    let began = Instant::now();
    let mut steps = 0_u64;
    for _ in 0..EXECUTIONS {
        let (mut execution, mut step) =
            Execution::start(program.clone(), start(), 0, Limits::default());
        steps += 1;
        while let Some(Effect::Command(command)) = step.effects.first() {
            step = execution.handle(
                Stimulus::TaskSucceeded {
                    task: command.task,
                    output: output.clone(),
                },
                1,
            );
            steps += 1;
        }
        assert_eq!(execution.status(), Status::Succeeded);
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "five tasks: {:.0} executions/s, {:.0} steps/s, {:.2} us a step",
        f64::from(EXECUTIONS) / seconds,
        steps as f64 / seconds,
        seconds * 1e6 / steps as f64
    );
    println!(
        "an execution waiting in a task: {} bytes inline",
        size_of::<Execution>()
    );
}

fn program(definition: &str) -> Arc<Program> {
    Arc::new(compile(definition).expect("the definition is valid").0)
}

fn start() -> Start {
    let started = Started {
        machine: Arc::from("arn:aws:states:us-east-1:000000000000:stateMachine:m"),
        revision: 0,
        role_arn: Arc::from(""),
        traceparent: None,
        reply_to: None,
        qualifier: None,
        parent: None,
    };
    let arn = Arc::from("arn:aws:states:us-east-1:000000000000:execution:m:run");
    Start {
        arn,
        started,
        input: Payload::from_text(r#"{"order":1}"#).expect("JSON"),
    }
}
