//! The state machines of these tests, and executions that live on a wanted partition.

use crate::support::PARTITIONS;
use baton_engine::call::StartCall;
use baton_engine::{Call, Definition, Definitions};
use baton_schemas::Payload;
use baton_schemas::arn::{execution_arn, state_machine_arn};
use baton_schemas::history::Failure;
use baton_schemas::partition::partition_of;
use baton_schemas::registry::StateMachineEntry;
use baton_schemas::request::{ReplyTo, StartRequest};
use std::sync::Arc;

/// One task on queue `t`.
pub const TASK: u64 = 0;
/// One task on queue `t` that has 60 s.
pub const TIMED: u64 = 1;
/// Waits 10 s.
pub const WAIT: u64 = 2;

/// Two tasks on queue `t`, one after the other, both with the execution's input.
pub const TWO: u64 = 3;

/// One task on queue `t`, as an Express machine.
pub const EXPRESS: u64 = 4;

/// A Fail state.
pub const FAIL: u64 = 5;

/// A distributed Map: a child for each item, with one task on queue `t`.
pub const MAP: u64 = 6;

const DEFINITIONS: [&str; 7] = [
    r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}}"#,
    r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","TimeoutSeconds":60,
        "End":true}}}"#,
    r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":10,"End":true}}}"#,
    r#"{"StartAt":"A","States":{
        "A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","ResultPath":null,"Next":"B"},
        "B":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}}"#,
    r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}}"#,
    r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}"#,
    r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{
        "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"T",
        "States":{"T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}}}}}"#,
];

/// What the registry holds.
pub struct Machines(Vec<Arc<Definition>>);

impl Machines {
    pub fn compiled() -> Self {
        Self((0..).zip(DEFINITIONS).map(compiled).collect())
    }

    pub fn get(&self, machine: u64) -> Arc<Definition> {
        self.revision(machine).expect("one of the machines above")
    }
}

impl Definitions for Machines {
    fn revision(&self, revision: u64) -> Option<Arc<Definition>> {
        self.0.get(revision as usize).cloned()
    }

    fn current(&self, machine: &str) -> Option<Arc<Definition>> {
        self.0.iter().find(|d| &*d.arn == machine).cloned()
    }
}

fn compiled((revision, text): (u64, &str)) -> Arc<Definition> {
    let (program, _) = baton_language::compile(text).expect("the machines above compile");
    let name: Arc<str> = format!("m{revision}").into();
    let arn = state_machine_arn("us-east-1", "000000000000", &name);
    let entry = StateMachineEntry {
        name,
        definition: text.into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        kind: if revision == EXPRESS {
            "EXPRESS".into()
        } else {
            "STANDARD".into()
        },
        created_ms: 0,
        settings: serde_json::Value::Null,
        search_attributes: Default::default(),
    };
    Arc::new(Definition {
        arn,
        revision,
        entry,
        program: Arc::new(program),
        attributes: Default::default(),
    })
}

/// The `n`th execution of a machine that belongs to `partition`.
pub fn execution(machine: u64, partition: i32, n: usize) -> Arc<str> {
    let machine = Machines::compiled().get(machine).arn.clone();
    (0..)
        .map(|i| execution_arn(&machine, &format!("e{i}")).expect("a machine's ARN"))
        .filter(|arn| partition_of(arn.as_bytes(), PARTITIONS) == partition)
        .nth(n)
        .expect("names don't end")
}

/// StartExecution over HTTP.
pub fn start_call(machine: u64, execution: &Arc<str>, input: &str) -> Call {
    Call::Start(Box::new(StartCall {
        execution: execution.clone(),
        definition: Machines::compiled().get(machine),
        input: json(input),
        traceparent: None,
        qualifier: None,
    }))
}

/// StopExecution over HTTP.
pub fn stop_call(execution: &Arc<str>) -> Call {
    Call::Stop {
        execution: execution.clone(),
        failure: Failure {
            error: Some("Enough".into()),
            cause: None,
        },
    }
}

/// A start by a record, with the wish to hear of the result.
pub fn start_request(machine: u64, execution: &Arc<str>, input: &str) -> StartRequest {
    let name = execution.rsplit(':').next().expect("ARNs have a name");
    StartRequest {
        execution: execution.clone(),
        machine: Machines::compiled().get(machine).arn.clone(),
        name: name.into(),
        input: json(input),
        reply_to: Some(ReplyTo {
            topic: "answers".into(),
            partition: 0,
        }),
        traceparent: None,
        parent: None,
    }
}

pub fn json(text: &str) -> Payload {
    Payload::from_text(text).expect("tests write JSON")
}
