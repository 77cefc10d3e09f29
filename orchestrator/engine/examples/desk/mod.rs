//! An owner on a desk, for measurements without Kafka: a log in memory that acknowledges at once.
//!
//! Owns: what stands for the outside. Must not: measure anything.
#![allow(dead_code, reason = "each example uses a part")]

use baton_engine::ports::Without;
use baton_engine::{
    Action, Appended, Checkpoint, Definition, Definitions, Input, InputRecord, Outbound, Owner,
    Settings,
};
use baton_schemas::history::InputTopic;
use baton_schemas::registry::StateMachineEntry;
use baton_schemas::request::StartRequest;
use baton_schemas::topics::Topics;
use baton_schemas::{Payload, Request, TaskToken};
use bytes::Bytes;
use std::sync::Arc;

/// The one machine's ARN.
pub const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

/// Definitions: one, for every revision and machine.
pub struct One(Arc<Definition>);

impl Definitions for One {
    fn revision(&self, _revision: u64) -> Option<Arc<Definition>> {
        Some(self.0.clone())
    }

    fn current(&self, _machine: &str) -> Option<Arc<Definition>> {
        Some(self.0.clone())
    }
}

impl One {
    /// Compiles a definition.
    pub fn new(text: &str) -> Arc<Self> {
        let (program, _) = baton_language::compile(text).expect("the machine compiles");
        let entry = StateMachineEntry {
            name: "m".into(),
            definition: text.into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            kind: "STANDARD".into(),
            created_ms: 0,
            settings: serde_json::Value::Null,
            search_attributes: Default::default(),
        };
        Arc::new(Self(Arc::new(Definition {
            arn: MACHINE.into(),
            revision: 1,
            entry,
            program: Arc::new(program),
            attributes: Default::default(),
        })))
    }
}

/// An owner and what it has sent.
pub struct Desk {
    /// The owner.
    pub owner: Owner,
    /// Tokens of the commands sent and not taken.
    pub commands: Vec<TaskToken>,
    /// Bytes appended.
    pub bytes: usize,
    /// The log, if it is kept.
    pub log: Option<Vec<(i64, Bytes)>>,
    /// What the store gives, once.
    pub checkpoint: Option<Box<Checkpoint>>,
    offset: i64,
    now_ms: i64,
    requests: i64,
}

impl Desk {
    /// An owner that has claimed nothing; `log` is what is in its history, if that is kept.
    pub fn new(definitions: Arc<One>, log: Option<Vec<(i64, Bytes)>>) -> Self {
        let offset = log
            .as_ref()
            .and_then(|log| log.last())
            .map_or(0, |(offset, _)| offset + 1);
        Self {
            owner: Owner::new(settings(), definitions),
            commands: Vec::new(),
            bytes: 0,
            log,
            checkpoint: None,
            offset,
            now_ms: 1_700_000_000_000,
            requests: 0,
        }
    }

    /// Requests an execution of the one machine.
    pub fn start(&mut self, name: &str, input: Payload) {
        let start = StartRequest {
            execution: baton_schemas::arn::execution_arn(MACHINE, name).expect("a machine's ARN"),
            machine: MACHINE.into(),
            name: name.into(),
            input,
            reply_to: None,
            traceparent: None,
            parent: None,
        };
        self.tell(Input::Record {
            topic: InputTopic::Requests,
            offset: self.requests,
            record: InputRecord::Request(Request::Start(start)),
        });
        self.requests += 1;
    }

    /// Tells the owner something and does all that it then wants.
    pub fn tell(&mut self, input: Input) {
        let mut inputs = vec![input];
        let mut out = Vec::new();
        while let Some(input) = inputs.pop() {
            self.owner.handle(input, self.now_ms, &mut out);
            for action in out.drain(..) {
                inputs.extend(self.act(action));
            }
        }
    }

    fn act(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Append { id, json, .. } => {
                self.bytes += json.len();
                let offset = self.offset;
                self.offset += 1;
                if let Some(log) = &mut self.log {
                    log.push((offset, Bytes::copy_from_slice(&json)));
                }
                let result = Appended::At {
                    offset,
                    broker_ms: None,
                };
                Some(Input::Appended { id, result })
            }
            Action::LoadCheckpoint => Some(Input::Checkpoint(self.checkpoint.take())),
            Action::ReadHistory { read, from, .. } => Some(Input::History {
                read,
                records: self.read(from),
                last: true,
            }),
            Action::OpenInputs { .. } => Some(Input::InputsOpened {
                completions_end: 0,
                requests_end: 0,
            }),
            Action::Send { id, outbound } => {
                if let Outbound::Command { command, .. } = outbound {
                    self.commands.push(command.token);
                }
                Some(Input::Sent { id, result: Ok(()) })
            }
            _ => None,
        }
    }

    /// The log from there, each record in memory of its own, as read from Kafka; without a log the claim alone.
    fn read(&self, from: baton_engine::ports::ReadFrom) -> Vec<(i64, Bytes)> {
        use baton_engine::ports::ReadFrom;
        let Some(log) = &self.log else {
            let claim = br#"{"v":1,"r":{"claim":{"node":"n","now":1}}}"#;
            return vec![(0, Bytes::from_static(claim))];
        };
        let from = match from {
            ReadFrom::Earliest => 0,
            ReadFrom::Offset(offset) => offset as usize,
            ReadFrom::Last(n) => log.len().saturating_sub(n as usize),
        };
        let copy = |(offset, json): &(i64, Bytes)| (*offset, Bytes::copy_from_slice(json));
        log[from..].iter().map(copy).collect()
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
