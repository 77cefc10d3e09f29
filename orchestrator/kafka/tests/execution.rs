//! Whole executions over a real broker: definition stored, executions started, every task done by a plain Kafka client.
//!
//! Needs `BATON_TEST_KAFKA=host:port`; `BATON_TEST_COUNT` and `BATON_TEST_WINDOW` make it a measurement.

mod support;

use baton_engine::call::StartCall;
use baton_engine::registry::RegistryWriter;
use baton_engine::{Call, CallError, Calls, Change, Definition, Definitions, Reply};
use baton_schemas::partition::partition_of;
use baton_schemas::registry::{RegistryBody, RegistryEntry, StateMachineEntry};
use baton_schemas::{Payload, arn};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;
use support::{Life, PATIENCE, Worker};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
const STEPS: usize = 5;
const PARTITIONS: i32 = 4;

#[test]
fn executions_run_to_their_end() {
    let Some(life) = Life::first("run", PARTITIONS) else {
        return;
    };
    let definition = store(&life);
    let worker = Worker::start(&life.topics().commands("work"));
    let (count, window) = (
        number("BATON_TEST_COUNT", 200),
        number("BATON_TEST_WINDOW", 50),
    );
    let begin = Instant::now();
    for first in (0..count).step_by(window) {
        let size = window.min(count - first);
        let (answer, answered) = channel();
        (first..first + size).for_each(|i| start(&life, &definition, i, &answer));
        let mut started = 0;
        while started < size {
            match answered.recv_timeout(PATIENCE).expect("an answer") {
                (_, Ok(Reply::Started { .. }) | Err(CallError::ExecutionAlreadyExists(_))) => {
                    started += 1
                }
                // The broker was away and the outcome is not known: ask again, the name makes it one start.
                (i, Err(CallError::NotOwner { .. } | CallError::Throttled(_))) => {
                    assert!(
                        life.handle.wait_until_ready(PATIENCE),
                        "{:?}",
                        life.handle.readiness()
                    );
                    start(&life, &definition, i, &answer);
                }
                (i, other) => panic!("execution {i}: {other:?}"),
            }
        }
        life.views.wait_closed(first + size);
    }
    let took = begin.elapsed();
    eprintln!(
        "{count} executions of {STEPS} tasks, {window} at a time: {:.0} a second; {:?}",
        count as f64 / took.as_secs_f64(),
        life.handle.metrics()
    );
    let closed_well = |a: &baton_engine::Applied| match &a.change {
        Change::Step {
            closed: Some(closed),
            ..
        } => closed.status.as_str() == "SUCCEEDED",
        _ => false,
    };
    assert_eq!(
        life.views.seen().iter().filter(|a| closed_well(a)).count(),
        count
    );
    worker.stop();
    life.end();
}

type Answers = Sender<(usize, Result<Reply, CallError>)>;

fn start(life: &Life, definition: &Arc<Definition>, i: usize, answer: &Answers) {
    let execution = arn::execution_arn(MACHINE, &format!("e{i}")).expect("a machine's ARN");
    let partition = partition_of(execution.as_bytes(), PARTITIONS);
    let call = Call::Start(Box::new(StartCall {
        execution,
        definition: definition.clone(),
        input: Payload::from_text(&format!("{{\"n\":{i}}}")).expect("JSON"),
        traceparent: None,
        qualifier: None,
    }));
    let answer = answer.clone();
    let answer = Box::new(move |reply| answer.send((i, reply)).expect("somebody waits"));
    life.handle.call(partition, call, answer);
}

fn store(life: &Life) -> Arc<Definition> {
    let state = |i: usize| {
        let then = if i + 1 == STEPS {
            r#""End":true"#.to_owned()
        } else {
            format!(r#""Next":"S{}""#, i + 1)
        };
        format!(r#""S{i}":{{"Type":"Task","Resource":"arn:aws:states:::baton:task.work",{then}}}"#)
    };
    let states = (0..STEPS).map(state).collect::<Vec<_>>().join(",");
    let entry = RegistryEntry {
        v: 1,
        arn: MACHINE.into(),
        based_on: None,
        attempt: "once".into(),
        time_ms: 0,
        body: RegistryBody::StateMachine(StateMachineEntry {
            name: "m".into(),
            definition: format!(r#"{{"StartAt":"S0","States":{{{states}}}}}"#).into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            kind: "STANDARD".into(),
            created_ms: 0,
            settings: serde_json::Value::Null,
            search_attributes: Default::default(),
        }),
    };
    let (answer, answered) = channel();
    life.handle.put(
        entry,
        Box::new(move |result| answer.send(result).expect("somebody waits")),
    );
    answered
        .recv_timeout(PATIENCE)
        .expect("an answer")
        .expect("stored");
    life.registry.current(MACHINE).expect("it is current")
}

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(otherwise)
}
