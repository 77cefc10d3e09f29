//! The state machines that the simulation runs. Each always ends, whatever its workers do.

use baton_engine::{Definition, Definitions};
use baton_schemas::registry::StateMachineEntry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const SEQUENCE: &str = r#"{"StartAt":"A","States":{
 "A":{"Type":"Task","Resource":"arn:aws:states:::baton:task.a","Next":"B",
      "Retry":[{"ErrorEquals":["States.ALL"],"MaxAttempts":3,"IntervalSeconds":1}],
      "Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}]},
 "B":{"Type":"Task","Resource":"arn:aws:states:::baton:task.b","TimeoutSeconds":600,"HeartbeatSeconds":60,"Next":"W",
      "Catch":[{"ErrorEquals":["States.ALL"],"Next":"W"}]},
 "W":{"Type":"Wait","Seconds":2,"Next":"C"},
 "C":{"Type":"Task","Resource":"arn:aws:states:::baton:task.c","End":true,
      "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Done"}]},
 "Done":{"Type":"Succeed"}}}"#;

const PARALLEL: &str = r#"{"StartAt":"P","States":{
 "P":{"Type":"Parallel","End":true,"Branches":[
  {"StartAt":"X","States":{"X":{"Type":"Task","Resource":"arn:aws:states:::baton:task.x","End":true}}},
  {"StartAt":"Y","States":{"Y":{"Type":"Task","Resource":"arn:aws:states:::baton:task.y","Next":"Z"},
                           "Z":{"Type":"Pass","End":true}}}]}}}"#;

const SINGLE: &str = r#"{"StartAt":"T","States":{
 "T":{"Type":"Task","Resource":"arn:aws:states:::baton:task.t","End":true}}}"#;

/// Children by items of a reader, spread over the partitions; some fail, and often more than may.
const DISTRIBUTED: &str = r#"{"StartAt":"M","States":{
 "M":{"Type":"Map","MaxConcurrency":2,"ToleratedFailurePercentage":30,"End":true,
      "ItemReader":{"Resource":"arn:aws:states:::baton:readFile","Parameters":{"Path":"items"},
                    "ReaderConfig":{"InputType":"JSONL"}},
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{
       "I":{"Type":"Task","Resource":"arn:aws:states:::baton:task.i","Next":"J"},
       "J":{"Type":"Pass","End":true}}}}}}"#;

/// A child that the parent waits for.
const NESTED: &str = r#"{"StartAt":"N","States":{
 "N":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","End":true,
      "Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:000000000000:stateMachine:m2","Input":{"n":1}},
      "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Done"}]},
 "Done":{"Type":"Succeed"}}}"#;

/// Items that the distributed Map's reader has, and most of one read.
pub const ITEMS: u64 = 7;
const ITEMS_PER_READ: u64 = 3;

/// What the reader answers, as a node would.
#[must_use]
pub fn read_items(request: &serde_json::Value) -> serde_json::Value {
    let from = request["cursor"]["at"].as_u64().unwrap_or(0);
    let to = (from + ITEMS_PER_READ).min(ITEMS);
    let items: Vec<u64> = (from..to).collect();
    let mut answer = serde_json::json!({ "items": items, "from": request["cursor"] });
    if to < ITEMS {
        answer["cursor"] = serde_json::json!({ "at": to });
    }
    answer
}

/// Name of the machine that has no timer and no retry.
pub const PLAIN: usize = 2;

/// The definitions of a run: compiled once for all runs.
pub struct Programs {
    definitions: Vec<Arc<Definition>>,
}

impl Programs {
    /// Compiles them.
    ///
    /// # Panics
    /// If one doesn't compile.
    #[must_use]
    pub fn new() -> Self {
        let compiled = [SEQUENCE, PARALLEL, SINGLE, DISTRIBUTED, NESTED]
            .iter()
            .enumerate()
            .map(|(i, text)| {
                let (program, _) =
                    baton_language::compile(text).expect("the simulation's machines compile");
                let name: Arc<str> = format!("m{i}").into();
                let entry = StateMachineEntry {
                    name: name.clone(),
                    definition: (*text).into(),
                    role_arn: "arn:aws:iam::000000000000:role/r".into(),
                    kind: "STANDARD".into(),
                    created_ms: 0,
                    settings: serde_json::Value::Null,
                    search_attributes: Default::default(),
                };
                let arn = baton_schemas::arn::state_machine_arn("us-east-1", "000000000000", &name);
                Arc::new(Definition {
                    arn,
                    revision: i as u64,
                    entry,
                    program: Arc::new(program),
                    attributes: Default::default(),
                })
            });
        Self {
            definitions: compiled.collect(),
        }
    }

    /// The definition with this number.
    #[must_use]
    pub fn get(&self, i: usize) -> &Arc<Definition> {
        &self.definitions[i]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.definitions.len()
    }
}

impl Default for Programs {
    fn default() -> Self {
        Self::new()
    }
}

/// What a node knows of the definitions: all that the history names, but not always what is current.
pub struct Known {
    programs: Arc<Programs>,
    /// Whether the node has read the registry as far as the definitions.
    pub read: AtomicBool,
}

impl Known {
    /// A node that has read everything.
    #[must_use]
    pub fn new(programs: Arc<Programs>) -> Self {
        Self {
            programs,
            read: AtomicBool::new(true),
        }
    }
}

impl Definitions for Known {
    fn revision(&self, revision: u64) -> Option<Arc<Definition>> {
        self.programs.revision(revision)
    }

    fn current(&self, machine: &str) -> Option<Arc<Definition>> {
        self.read
            .load(Ordering::Relaxed)
            .then(|| self.programs.current(machine))
            .flatten()
    }
}

impl Definitions for Programs {
    fn revision(&self, revision: u64) -> Option<Arc<Definition>> {
        self.definitions.get(revision as usize).cloned()
    }

    fn current(&self, machine: &str) -> Option<Arc<Definition>> {
        self.definitions
            .iter()
            .find(|d| &*d.arn == machine)
            .cloned()
    }
}
