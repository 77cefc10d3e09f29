//! The engine in a world of its own: one real owner, a log and a registry in memory, a clock that jumps.
//!
//! Owns: doing what the owner asks (appends, reads, sends) at once and in order, the views that result, and the time.
//! Must not: know cases, or decide anything about executions.

use baton_engine::call::{CallError, CallId, Reply};
use baton_engine::ports::Without;
use baton_engine::registry::{Folded, Registry, RegistryError};
use baton_engine::search::Findable;
use baton_engine::views::{Change, Redrives, Summary};
use baton_engine::{
    Action, Appended, Applied, Call, Input, InputRecord, Outbound, Owner, Settings,
};
use baton_machine::Status;
use baton_schemas::history::{Event, HistoryRecord, InputTopic, Restated};
use baton_schemas::registry::RegistryEntry;
use baton_schemas::topics::Topics;
use baton_schemas::{Command, Completion, Request};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// When every world begins, milliseconds since the epoch.
pub const START_MS: i64 = 1_767_225_600_000;
/// How far the clock may run while nothing but time is waited for; past it an execution is still running.
const PATIENCE_MS: i64 = 24 * 3_600_000;

/// An owner and all that it needs.
pub struct World {
    owner: Owner,
    registry: Arc<Registry>,
    /// Next offset of the registry topic.
    registry_end: i64,
    log: Vec<Bytes>,
    /// Next offsets of completions and requests.
    inputs_end: [i64; 2],
    now_ms: i64,
    /// Whether the owner is thrown away before every input and a new one folds the log.
    crashes: bool,
    calls: CallId,
    replies: BTreeMap<CallId, Result<Reply, CallError>>,
    executions: BTreeMap<Arc<str>, Seen>,
    /// Commands that were sent and not yet taken, in order.
    commands: VecDeque<(Arc<str>, Command)>,
    /// Logged events, in order.
    logs: Vec<Value>,
    /// Child executions to start and stop, in order.
    requests: VecDeque<Request>,
    /// What children reported, in order.
    reports: VecDeque<Completion>,
    halted: Option<String>,
}

/// An execution as the views have it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// As described.
    pub summary: Summary,
    /// Its history records.
    pub records: Vec<Bytes>,
}

impl World {
    /// A world whose owner is ready; `crashes` makes it fold its log anew before every input.
    #[must_use]
    pub fn new(crashes: bool) -> Self {
        let registry = Arc::new(Registry::default());
        let mut world = Self {
            owner: Owner::new(settings(), registry.clone()),
            registry,
            registry_end: 1,
            log: Vec::new(),
            inputs_end: [0; 2],
            now_ms: START_MS,
            crashes: false,
            calls: 0,
            replies: BTreeMap::new(),
            executions: BTreeMap::new(),
            commands: VecDeque::new(),
            logs: Vec::new(),
            requests: VecDeque::new(),
            reports: VecDeque::new(),
            halted: None,
        };
        world.give(Input::Assigned);
        world.crashes = crashes;
        world
    }

    /// The definitions.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The clock, milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Appends to the registry; the revision made.
    ///
    /// # Errors
    /// When another revision is current, or the definition can't be read.
    pub fn register(&mut self, entry: &RegistryEntry) -> Result<i64, RegistryError> {
        let offset = self.registry_end;
        self.registry_end += 1;
        let json = serde_json::to_vec(entry).expect("an entry serialises");
        match self.registry.fold(offset, &json) {
            Folded::Accepted => Ok(offset),
            Folded::Outdated { current } => Err(RegistryError::Outdated {
                arn: entry.arn.clone(),
                current,
            }),
            Folded::Unreadable(why) => Err(RegistryError::Unavailable(why)),
        }
    }

    /// Makes a call and gives its answer.
    ///
    /// # Errors
    /// As the owner refuses it.
    pub fn call(&mut self, call: Call) -> Result<Reply, CallError> {
        let id = self.ask(call);
        let lost = CallError::NotOwner { partition: 0 };
        self.replies.remove(&id).unwrap_or(Err(lost))
    }

    /// Makes a call whose answer may come later.
    pub fn ask(&mut self, call: Call) -> CallId {
        self.calls += 1;
        let id = self.calls;
        self.tell(Input::Call { id, call });
        id
    }

    /// The answer to a call, once there is one.
    #[must_use]
    pub fn answer(&self, id: CallId) -> Option<&Result<Reply, CallError>> {
        self.replies.get(&id)
    }

    /// Logged events, in order.
    #[must_use]
    pub fn logs(&self) -> &[Value] {
        &self.logs
    }

    /// Lets time pass until the owner next wants to know; `false` after as long as anything may take.
    pub fn pass_time(&mut self) -> bool {
        let patient = self.now_ms - START_MS < PATIENCE_MS;
        let Some(next_ms) = self.owner.next_tick_ms().filter(|_| patient) else {
            return false;
        };
        self.now_ms = self.now_ms.max(next_ms);
        self.tell(Input::Tick);
        true
    }

    /// Puts a completion on its topic.
    pub fn complete(&mut self, completion: Completion) {
        let offset = self.inputs_end[0];
        self.inputs_end[0] += 1;
        let record = InputRecord::Completion(completion);
        self.tell(Input::Record {
            topic: InputTopic::Completions,
            offset,
            record,
        });
    }

    /// Lets time pass until the owner next wants to know; `false` once nothing more can be expected of `execution`.
    pub fn wait(&mut self, execution: &str) -> bool {
        self.executions.get(execution).is_some_and(Seen::is_open) && self.pass_time()
    }

    /// Puts a request on its topic.
    pub fn request(&mut self, request: Request) {
        let offset = self.inputs_end[1];
        self.inputs_end[1] += 1;
        let record = InputRecord::Request(request);
        self.tell(Input::Record {
            topic: InputTopic::Requests,
            offset,
            record,
        });
    }

    /// The next request for a child execution that nobody has taken.
    pub fn take_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// The next report of a child execution that nobody has taken.
    pub fn take_report(&mut self) -> Option<Completion> {
        self.reports.pop_front()
    }

    /// The next command that nobody has taken.
    pub fn take_command(&mut self) -> Option<(Arc<str>, Command)> {
        self.commands.pop_front()
    }

    /// Takes the commands of the queues that are wanted, in their order.
    pub fn take_commands_of(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<(Arc<str>, Command)> {
        let commands = std::mem::take(&mut self.commands);
        let (taken, left): (Vec<_>, _) = commands.into_iter().partition(|(queue, _)| wanted(queue));
        self.commands = VecDeque::from(left);
        taken
    }

    /// Lets time pass without looking what is due.
    pub fn pass_ms(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    /// An execution, if it was started.
    #[must_use]
    pub fn seen(&self, execution: &str) -> Option<&Seen> {
        self.executions.get(execution)
    }

    /// All executions, by ARN.
    pub fn all_seen(&self) -> impl Iterator<Item = &Seen> {
        self.executions.values()
    }

    /// Why the owner can't go on, if it can't.
    #[must_use]
    pub fn halted(&self) -> Option<&str> {
        self.halted.as_deref()
    }

    fn tell(&mut self, input: Input) {
        // Between two ticks nothing happened that a new owner could forget.
        if self.crashes && !matches!(input, Input::Tick) {
            self.owner = Owner::new(settings(), self.registry.clone());
            self.give(Input::Assigned);
        }
        self.give(input);
    }

    /// Gives the owner an input and all that it leads to, in order.
    fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        let mut actions = Vec::new();
        while let Some(input) = inputs.pop_front() {
            self.owner.handle(input, self.now_ms, &mut actions);
            inputs.extend(actions.drain(..).filter_map(|action| self.act(action)));
        }
    }

    /// Does what the owner asks; what there is to report.
    fn act(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Append { id, json, .. } => {
                let offset = self.log.len() as i64;
                self.log.push(json);
                return Some(Input::Appended {
                    id,
                    result: Appended::At {
                        offset,
                        broker_ms: None,
                    },
                });
            }
            Action::LoadCheckpoint => return Some(Input::Checkpoint(None)),
            Action::ResetViews => self.executions.clear(),
            Action::ReadHistory { read, through, .. } => {
                let records = self
                    .log
                    .iter()
                    .cloned()
                    .zip(0..=through)
                    .map(|(json, at)| (at, json));
                return Some(Input::History {
                    read,
                    records: records.collect(),
                    last: true,
                });
            }
            Action::LookAtEnd => {
                return Some(Input::HistoryEnd {
                    next: self.log.len() as i64,
                });
            }
            // What came in was given at once, so nothing waits.
            Action::OpenInputs { .. } => {
                return Some(Input::InputsOpened {
                    completions_end: 0,
                    requests_end: 0,
                });
            }
            Action::Send { id, outbound } => {
                match outbound {
                    Outbound::Command { queue, command } => {
                        self.commands.push_back((queue, *command));
                    }
                    Outbound::Log(log) => self.logs.push(log.record.to_value()),
                    Outbound::Request { request, .. } => self.requests.push_back(*request),
                    Outbound::Report { completion, .. } => self.reports.push_back(*completion),
                    _ => {}
                }
                return Some(Input::Sent { id, result: Ok(()) });
            }
            Action::Reply { id, reply } => drop(self.replies.insert(id, reply)),
            Action::Apply(applied) => self.apply(applied),
            Action::ReadRegistry => return Some(Input::RegistryRead),
            // No case redrives anything.
            Action::Recall { execution, .. } => {
                return Some(Input::Recalled {
                    execution,
                    steps: None,
                });
            }
            Action::CheckOwnership => return Some(Input::Ownership { ours: true }),
            Action::Halt { reason } => self.halted = Some(reason),
            Action::CloseInputs
            | Action::DeleteHistory { .. }
            | Action::Owned { .. }
            | Action::Released => {}
        }
        None
    }

    fn apply(&mut self, applied: Applied) {
        let Change::Step {
            execution,
            start_ms,
            json,
            opened,
            closed,
        } = applied.change
        else {
            return;
        };
        if let Some(opened) = opened {
            let summary = Summary {
                execution: execution.clone(),
                machine: opened.machine,
                revision: opened.revision,
                status: Status::Running,
                start_ms,
                stop_ms: None,
                redrives: Redrives::default(),
                findable: Findable::default(),
            };
            self.executions.insert(
                execution.clone(),
                Seen {
                    summary,
                    records: Vec::new(),
                },
            );
        }
        if let Some(seen) = self.executions.get_mut(&execution) {
            seen.records.push(json);
            if let Some(closed) = closed {
                seen.summary.status = closed.status;
                seen.summary.stop_ms = Some(closed.stop_ms);
            }
        }
    }
}

impl Seen {
    /// Whether the execution has not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.summary.status == Status::Running
    }

    /// `(time of its step in milliseconds since the epoch, event)`, oldest first.
    ///
    /// # Panics
    /// If the owner wrote what it can't read.
    #[must_use]
    pub fn events(&self) -> Vec<(i64, Event)> {
        let mut events = Vec::new();
        for json in &self.records {
            let record = HistoryRecord::from_json(json).expect("the owner wrote it");
            match record {
                HistoryRecord::Transition(step) => {
                    events.extend(step.events.into_iter().map(|event| (step.now, event)));
                }
                HistoryRecord::Restatement {
                    state: Restated::Execution { transitions, .. },
                    ..
                } => {
                    for step in transitions {
                        events.extend(step.events.into_iter().map(|event| (step.now, event)));
                    }
                }
                _ => {}
            }
        }
        events
    }
}

fn settings() -> Settings {
    Settings {
        node: "conformance".into(),
        partition: 0,
        partitions: 1,
        topics: Topics::new("baton."),
        machine: baton_machine::Limits::default(),
        record_bytes_max: baton_engine::limits::RECORD_BYTES_MAX,
        in_flight_max: baton_engine::limits::IN_FLIGHT_MAX,
        open_executions_max: baton_engine::limits::OPEN_EXECUTIONS_MAX,
        restate_every_records: u64::MAX,
        closed_kept_ms: baton_engine::limits::CLOSED_KEPT_MS,
        names_kept_ms: baton_engine::limits::CLOSED_KEPT_MS,
        command_resend_ms: 0,
        clock_skew_max_ms: baton_engine::limits::CLOCK_SKEW_MAX_MS,
        without: Without::default(),
    }
}
