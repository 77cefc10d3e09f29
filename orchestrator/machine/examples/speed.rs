//! Measures the machine alone, single-threaded: a chain of Pass states, Choices over JSONata, a Map of 10,000 items, a flow
//! of five tasks, and what a step costs late in a history.
//!
//! Run with `./tests/run bench machine [--json FILE]`: the file gets one object a line, `{"name", "value", "unit"}`. No log,
//! no I/O: the figures are the floor of what a step costs in deciding and applying. Time is what the thread had of a core
//! where the system tells it (Linux), so that a busy machine takes nothing away.

#![expect(
    clippy::disallowed_methods,
    reason = "an example measures time; it decides nothing"
)]

use baton_language::{Program, compile};
use baton_machine::{Effect, Execution, Limits, Start, Status, Step, Stimulus};
use baton_schemas::Payload;
use baton_schemas::history::Started;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

const EXECUTIONS: u32 = 100_000;

fn main() {
    let mut report = Report {
        lines: String::new(),
    };
    passes(&mut report);
    choices(&mut report);
    map(10_000, &mut report);
    tasks(&mut report);
    growth(&mut report);
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--json") {
        let path = arguments.get(at + 1).expect("--json FILE");
        std::fs::write(path, report.lines).expect("a file that can be written");
    }
}

/// Time since it was made, of this thread on a core if that is known.
struct Watch {
    began: Instant,
    ran_before: Option<f64>,
}

impl Watch {
    fn start() -> Self {
        Self {
            began: Instant::now(),
            ran_before: ran(),
        }
    }

    fn seconds(&self) -> f64 {
        match (self.ran_before, ran()) {
            (Some(before), Some(now)) => now - before,
            _ => self.began.elapsed().as_secs_f64(),
        }
    }
}

/// Seconds that this thread has run, as Linux counts them.
fn ran() -> Option<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = told.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// The figures, for people and for programs.
struct Report {
    lines: String,
}

impl Report {
    fn add(&mut self, name: &str, value: f64, unit: &str) {
        println!("{name}: {value:.2} {unit}");
        let line = format!("{{\"name\":\"{name}\",\"value\":{value:.3},\"unit\":\"{unit}\"}}\n");
        self.lines.push_str(&line);
    }
}

/// A chain of 200 Choice states whose conditions are JSONata: each tries two rules.
fn choices(report: &mut Report) {
    let states: Vec<String> = (0..200)
        .map(|n| {
            let next = if n < 199 { format!("S{}", n + 1) } else { "End".to_owned() };
            format!(
                r#""S{n}":{{"Type":"Choice","Choices":[
                    {{"Condition":"{{% $states.input.order > 100 %}}","Next":"End"}},
                    {{"Condition":"{{% $states.input.order = 1 and $states.input.kind = 'new' %}}","Next":"{next}"}}]}}"#
            )
        })
        .collect();
    let program = program(&format!(
        r#"{{"QueryLanguage":"JSONata","StartAt":"S0","States":{{{},"End":{{"Type":"Succeed"}}}}}}"#,
        states.join(",")
    ));
    let watch = Watch::start();
    for _ in 0..100 {
        let mut start = start();
        start.input = Payload::from_text(r#"{"order":1,"kind":"new"}"#).expect("JSON");
        let (execution, _) = Execution::start(program.clone(), start, 0, Limits::default());
        assert_eq!(execution.status(), Status::Succeeded);
    }
    let seconds = watch.seconds();
    report.add("choice over JSONata", 20_000.0 / seconds, "states/s");
}

/// What a transition costs early in a history and 24,000 events in: a loop of a Task and a Choice, one step at a time.
/// Each is the quickest of many runs: they are too short for anything else to be told from chance.
fn growth(report: &mut Report) {
    let program = program(
        r#"{"StartAt":"T","States":{
            "T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.work","Next":"C"},
            "C":{"Type":"Choice","Choices":[{"Variable":"$.done","IsPresent":true,"Next":"E"}],"Default":"T"},
            "E":{"Type":"Succeed"}}}"#,
    );
    let output = Payload::from_text(r#"{"order":1}"#).expect("JSON");
    const STEPS: usize = 3_400;
    let mut quickest = [f64::INFINITY; 2];
    for _ in 0..50 {
        let (mut execution, mut step) =
            Execution::start(program.clone(), start(), 0, Limits::default());
        let mut began = Instant::now();
        for number in 0..STEPS {
            if number == STEPS / 10 {
                quickest[0] = quickest[0].min(began.elapsed().as_secs_f64());
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
        quickest[1] = quickest[1].min(began.elapsed().as_secs_f64());
    }
    let us = quickest.map(|seconds| seconds * 1e6 / (STEPS / 10) as f64);
    report.add("a step of 7 events, early in a history", us[0], "us");
    report.add("the same 24,000 events later", us[1], "us");
    report.add("growth with the history", us[1] / us[0], "x");
}

/// A Map of so many items to its end, up to 1,000 at a time: each item is a Task, answered in a step of its own.
fn map(length: usize, report: &mut Report) {
    let program = program(
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1000,"End":true,"ItemProcessor":{
            "StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.work","End":true}}}}}}"#,
    );
    let items: Vec<String> = (0..length).map(|n| n.to_string()).collect();
    let input = Payload::from_text(&format!("[{}]", items.join(","))).expect("JSON");
    let output = Payload::from_text(r#"{"order":1}"#).expect("JSON");
    // AWS's bound is on what it keeps; seven events for each of 10,000 items are more.
    let limits = Limits {
        history_events: 100_000,
        ..Limits::default()
    };
    let (mut events, mut seconds) = (0, 0.0);
    const RUNS: usize = 10;
    for _ in 0..RUNS {
        let mut start = start();
        start.input = input.clone();
        let watch = Watch::start();
        let (mut execution, step) = Execution::start(program.clone(), start, 0, limits);
        events += step.events.len();
        let mut open = tasks_of(&step);
        while let Some(task) = open.pop_front() {
            let output = output.clone();
            let step = execution.handle(Stimulus::TaskSucceeded { task, output }, 1);
            events += step.events.len();
            open.extend(tasks_of(&step));
        }
        seconds += watch.seconds();
        assert_eq!(execution.status(), Status::Succeeded);
    }
    let name = format!("map of {length} tasks");
    report.add(&name, (RUNS * length) as f64 / seconds, "items/s");
    report.add(
        &format!("{name}, events"),
        events as f64 / seconds,
        "events/s",
    );
}

/// The tasks that a step scheduled, in order.
fn tasks_of(step: &Step) -> VecDeque<u64> {
    let task = |effect: &Effect| match effect {
        Effect::Command(command) => Some(command.task),
        _ => None,
    };
    step.effects.iter().filter_map(task).collect()
}

/// A chain of 1,000 Pass states: 2,000 events in one step.
fn passes(report: &mut Report) {
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
    let watch = Watch::start();
    let mut events = 0;
    for _ in 0..1_000 {
        let (execution, step) = Execution::start(program.clone(), start(), 0, Limits::default());
        assert_eq!(execution.status(), Status::Succeeded);
        events += step.events.len();
    }
    let seconds = watch.seconds();
    report.add("pass chain", 1_000_000.0 / seconds, "states/s");
    report.add("pass chain, events", events as f64 / seconds, "events/s");
}

/// Five Task states in a row: six steps.
fn tasks(report: &mut Report) {
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
    let watch = Watch::start();
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
    let seconds = watch.seconds();
    report.add(
        "five tasks",
        f64::from(EXECUTIONS) / seconds,
        "executions/s",
    );
    report.add("five tasks, a step", seconds * 1e6 / steps as f64, "us");
    report.add(
        "an execution, inline",
        size_of::<Execution>() as f64,
        "bytes",
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
        express: None,
        parent: None,
    };
    let arn = Arc::from("arn:aws:states:us-east-1:000000000000:execution:m:run");
    Start {
        arn,
        started,
        input: Payload::from_text(r#"{"order":1}"#).expect("JSON"),
    }
}
