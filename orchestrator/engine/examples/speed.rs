//! How long an owner takes for a five-step workflow, without Kafka: `cargo run --release -p baton-engine --example speed`.
//!
//! Appends and sends are acknowledged at once, completions come in batches of as many executions as are in flight.

use baton_engine::ports::Without;
use baton_engine::{
    Action, Appended, Definition, Definitions, Input, InputRecord, Outbound, Owner, Settings,
};
use baton_schemas::history::InputTopic;
use baton_schemas::registry::StateMachineEntry;
use baton_schemas::request::StartRequest;
use baton_schemas::topics::Topics;
use baton_schemas::{Completion, Outcome, Payload, Request, TaskToken};
use std::sync::Arc;
use std::time::Instant;

const IN_FLIGHT: usize = 1_000;
const ROUNDS: usize = 60;

struct One(Arc<Definition>);

impl Definitions for One {
    fn revision(&self, _revision: u64) -> Option<Arc<Definition>> {
        Some(self.0.clone())
    }

    fn current(&self, _machine: &str) -> Option<Arc<Definition>> {
        Some(self.0.clone())
    }
}

fn main() {
    let states = (1..=5).map(|i| {
        let after = if i == 5 {
            "\"End\":true".to_owned()
        } else {
            format!("\"Next\":\"S{}\"", i + 1)
        };
        format!(
            "\"S{i}\":{{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::baton:task.q\",{after}}}"
        )
    });
    let text = format!(
        "{{\"StartAt\":\"S1\",\"States\":{{{}}}}}",
        states.collect::<Vec<_>>().join(",")
    );
    let (program, _) = baton_language::compile(&text).expect("the machine compiles");
    let arn: Arc<str> = "arn:aws:states:us-east-1:000000000000:stateMachine:m".into();
    let entry = StateMachineEntry {
        name: "m".into(),
        definition: text.as_str().into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        kind: "STANDARD".into(),
        created_ms: 0,
        settings: serde_json::Value::Null,
    };
    let definition = Definition {
        arn: arn.clone(),
        revision: 1,
        entry,
        program: Arc::new(program),
    };
    let mut bench = Bench::new(Owner::new(settings(), Arc::new(One(Arc::new(definition)))));
    bench.tell(Input::Assigned);
    let begun = Instant::now();
    let input = Payload::from_text(&format!("{{\"data\":\"{}\"}}", "x".repeat(285))).expect("JSON");
    let (mut requests, mut completions) = (0, 0);
    for round in 0..ROUNDS {
        for i in 0..IN_FLIGHT {
            let name: Arc<str> = format!("bench-run-0123456789-{round}-{i}").into();
            let execution =
                baton_schemas::arn::execution_arn(&arn, &name).expect("a machine's ARN");
            let (machine, input) = (arn.clone(), input.clone());
            let start = StartRequest {
                execution,
                machine,
                name,
                input,
                reply_to: None,
                traceparent: None,
            };
            let record = InputRecord::Request(Request::Start(start));
            bench.tell(Input::Record {
                topic: InputTopic::Requests,
                offset: requests,
                record,
            });
            requests += 1;
        }
        for _ in 0..5 {
            for token in std::mem::take(&mut bench.commands) {
                let outcome = Outcome::Succeeded(input.clone());
                let record = InputRecord::Completion(Completion {
                    token,
                    outcome,
                    traceparent: None,
                });
                bench.tell(Input::Record {
                    topic: InputTopic::Completions,
                    offset: completions,
                    record,
                });
                completions += 1;
            }
        }
    }
    let workflows = ROUNDS * IN_FLIGHT;
    let each = begun.elapsed().as_secs_f64() * 1e6 / workflows as f64;
    assert_eq!(bench.owner.open_executions(), 0, "all have closed");
    println!(
        "{workflows} workflows of 5 steps: {each:.1} us each, {:.2} us a step, {} bytes of history each",
        each / 6.0,
        bench.bytes / workflows
    );
}

struct Bench {
    owner: Owner,
    commands: Vec<TaskToken>,
    offset: i64,
    bytes: usize,
    now_ms: i64,
}

impl Bench {
    fn new(owner: Owner) -> Self {
        Self {
            owner,
            commands: Vec::new(),
            offset: 0,
            bytes: 0,
            now_ms: 1_700_000_000_000,
        }
    }

    fn tell(&mut self, input: Input) {
        let mut inputs = vec![input];
        let mut out = Vec::new();
        while let Some(input) = inputs.pop() {
            self.owner.handle(input, self.now_ms, &mut out);
            for action in out.drain(..) {
                match action {
                    Action::Append { id, json, .. } => {
                        self.bytes += json.len();
                        let result = Appended::At {
                            offset: self.offset,
                            broker_ms: None,
                        };
                        self.offset += 1;
                        inputs.push(Input::Appended { id, result });
                    }
                    Action::LoadCheckpoint => inputs.push(Input::Checkpoint(None)),
                    Action::ReadHistory { read, .. } => {
                        let json = br#"{"v":1,"r":{"claim":{"node":"n","now":1}}}"#;
                        let records = vec![(0, bytes::Bytes::from_static(json))];
                        inputs.push(Input::History {
                            read,
                            records,
                            last: true,
                        });
                    }
                    Action::OpenInputs { .. } => inputs.push(Input::InputsOpened {
                        completions_end: 0,
                        requests_end: 0,
                    }),
                    Action::Send { id, outbound } => {
                        if let Outbound::Command { command, .. } = outbound {
                            self.commands.push(command.token);
                        }
                        inputs.push(Input::Sent { id, result: Ok(()) });
                    }
                    _ => {}
                }
            }
        }
    }
}

fn settings() -> Settings {
    Settings {
        node: "n".into(),
        partition: 0,
        partitions: 1,
        topics: Topics::new("baton."),
        machine: baton_machine::Limits::default(),
        record_bytes_max: 8 * 1024 * 1024,
        in_flight_max: 20_000,
        open_executions_max: 1_000_000,
        restate_every_records: u64::MAX,
        closed_kept_ms: 1,
        names_kept_ms: i64::MAX / 4,
        command_resend_ms: 0,
        clock_skew_max_ms: 30_000,
        without: Without::default(),
    }
}
