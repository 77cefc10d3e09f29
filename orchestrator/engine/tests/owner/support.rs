//! One owner, and around it everything it talks to: a history log, an empty store, input topics and a clock.
//!
//! [`Partition::tell`] gives an input and returns the actions. What the owner waits for queues up and is answered in
//! order, as by a healthy broker, by [`Partition::step`] (one answer) or [`Partition::settle`] (all); a test takes an
//! action out of the queue ([`Partition::take_append`], [`Partition::take_send`]) to answer it badly itself.

use crate::actions::{is_answered, name, replies};
use crate::machines::Machines;
use baton_engine::ports::{ReadFrom, Without};
use baton_engine::recall::Recall;
use baton_engine::{
    Action, Appended, Call, CallError, Input, InputRecord, Outbound, Owner, Reply, Settings,
};
use baton_schemas::history::{HistoryRecord, InputTopic};
use baton_schemas::topics::Topics;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// The partition under test.
pub const OURS: i32 = 0;
/// Number of partitions.
pub const PARTITIONS: i32 = 2;
/// Answers given before a test is taken to run in circles.
const ANSWERS_MAX: usize = 100_000;
const DAY_MS: i64 = 24 * 3_600 * 1_000;

pub struct Partition {
    pub owner: Owner,
    pub settings: Settings,
    /// The clock, milliseconds since the epoch.
    pub now_ms: i64,
    /// The history partition by offset; `None` where the broker keeps something that is no record.
    pub log: Vec<Option<Bytes>>,
    /// First offset that is still there.
    pub log_start: i64,
    /// Next offsets of completions and requests.
    pub ends: [i64; 2],
    /// What the owner waits for, oldest first.
    waiting: VecDeque<Action>,
    calls: u64,
}

impl Partition {
    /// Nobody's yet.
    pub fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            node: "node-a".into(),
            partition: OURS,
            partitions: PARTITIONS,
            topics: Topics::new("baton."),
            machine: baton_machine::Limits::default(),
            record_bytes_max: 100_000,
            in_flight_max: 64,
            open_executions_max: 100,
            restate_every_records: u64::MAX,
            closed_kept_ms: 90 * DAY_MS,
            names_kept_ms: 90 * DAY_MS,
            command_resend_ms: 6 * DAY_MS,
            clock_skew_max_ms: 30_000,
            without: Without::default(),
        };
        adjust(&mut settings);
        Self {
            owner: Owner::new(settings.clone(), Arc::new(Machines::compiled())),
            settings,
            now_ms: 1_700_000_000_000,
            log: Vec::new(),
            log_start: 0,
            ends: [0, 0],
            waiting: VecDeque::new(),
            calls: 0,
        }
    }

    /// Claimed, folded and drained.
    pub fn ready() -> Self {
        Self::ready_with(|_| {})
    }

    pub fn ready_with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let mut partition = Self::with(adjust);
        partition.tell(Input::Assigned);
        partition.settle();
        assert!(partition.owner.is_ready());
        partition
    }

    /// The one door: gives an input, returns what the owner wants done.
    pub fn tell(&mut self, input: Input) -> Vec<Action> {
        let mut out = Vec::new();
        self.owner.handle(input, self.now_ms, &mut out);
        self.waiting
            .extend(out.iter().filter(|a| is_answered(a)).cloned());
        out
    }

    /// Gives the test's own answer to what has waited longest.
    pub fn tell_instead(&mut self, answer: Input) -> Vec<Action> {
        self.waiting.pop_front();
        self.tell(answer)
    }

    /// Answers what has waited longest; returns what that leads to.
    pub fn step(&mut self) -> Vec<Action> {
        let action = self
            .waiting
            .pop_front()
            .expect("the owner waits for something");
        let answer = match action {
            Action::Append { id, json, .. } => {
                let offset = self.write(json);
                self.appended(id, offset)
            }
            Action::LoadCheckpoint => Input::Checkpoint(None),
            Action::ReadHistory {
                read,
                from,
                through,
            } => self.history(read, from, through),
            Action::LookAtEnd => Input::HistoryEnd {
                next: self.log.len() as i64,
            },
            Action::OpenInputs { .. } => Input::InputsOpened {
                completions_end: self.ends[0],
                requests_end: self.ends[1],
            },
            Action::Send { id, .. } => Input::Sent { id, result: Ok(()) },
            Action::ReadRegistry => Input::RegistryRead,
            Action::CheckOwnership => Input::Ownership { ours: true },
            Action::Recall { execution, through } => self.recalled(execution, through),
            other => unreachable!("not answered: {other:?}"),
        };
        self.tell(answer)
    }

    /// Answers everything; returns what that leads to.
    pub fn settle(&mut self) -> Vec<Action> {
        let mut out = Vec::new();
        for _ in 0..ANSWERS_MAX {
            if self.waiting.is_empty() {
                return out;
            }
            out.extend(self.step());
        }
        panic!("the owner never comes to rest: {out:?}");
    }

    /// Lets time pass, with a tick whenever the owner wants one and every answer given at once.
    pub fn pass(&mut self, ms: i64) -> Vec<Action> {
        let until_ms = self.now_ms + ms;
        let mut out = self.settle();
        for _ in 0..ANSWERS_MAX {
            match self.owner.next_tick_ms() {
                Some(due_ms) if due_ms <= until_ms => {
                    self.now_ms = self.now_ms.max(due_ms);
                    out.extend(self.tell(Input::Tick));
                    out.extend(self.settle());
                }
                _ => {
                    self.now_ms = until_ms;
                    return out;
                }
            }
        }
        panic!("time does not pass: {out:?}");
    }

    /// The process is gone and another one is assigned the partition; the log stays.
    pub fn restart(&mut self) -> Vec<Action> {
        self.owner = Owner::new(self.settings.clone(), Arc::new(Machines::compiled()));
        self.waiting.clear();
        self.tell(Input::Assigned)
    }

    /// Makes a call; its id, and what it leads to.
    pub fn call(&mut self, call: Call) -> (u64, Vec<Action>) {
        self.calls += 1;
        let id = self.calls;
        (id, self.tell(Input::Call { id, call }))
    }

    /// Makes a call that is answered once everything is settled.
    pub fn ask(&mut self, call: Call) -> Result<Reply, CallError> {
        let (id, mut out) = self.call(call);
        out.extend(self.settle());
        let mut answers = replies(&out).into_iter().filter(|(to, _)| *to == id);
        let (_, answer) = answers.next().expect("every call is answered");
        assert!(answers.next().is_none(), "a call is answered once");
        answer
    }

    /// The next record of an input topic.
    pub fn feed(&mut self, topic: InputTopic, record: InputRecord) -> Vec<Action> {
        let end = &mut self.ends[usize::from(topic == InputTopic::Requests)];
        let offset = *end;
        *end += 1;
        self.tell(Input::Record {
            topic,
            offset,
            record,
        })
    }

    /// Takes the oldest append that waits for its acknowledgement.
    pub fn take_append(&mut self) -> (u64, Bytes) {
        let found = self.take(|action| matches!(action, Action::Append { .. }));
        let Action::Append { id, json, .. } = found else {
            unreachable!("just matched")
        };
        (id, json)
    }

    /// Takes the oldest send that waits for its acknowledgement.
    pub fn take_send(&mut self) -> (u64, Outbound) {
        let found = self.take(|action| matches!(action, Action::Send { .. }));
        let Action::Send { id, outbound } = found else {
            unreachable!("just matched")
        };
        (id, outbound)
    }

    fn take(&mut self, wanted: impl Fn(&Action) -> bool) -> Action {
        let at = self.waiting.iter().position(wanted);
        self.waiting
            .remove(at.expect("the owner asked for it"))
            .expect("just found")
    }

    /// A record lands in the log, whoever wrote it; its offset.
    pub fn write(&mut self, json: Bytes) -> i64 {
        self.log.push(Some(json));
        self.log.len() as i64 - 1
    }

    /// Another node claims the partition.
    pub fn write_foreign_claim(&mut self) -> i64 {
        let record = HistoryRecord::Claim {
            node: "node-b".into(),
            now: self.now_ms,
        };
        self.write(record.to_json().into())
    }

    /// An acknowledgement with an offset, by a broker whose clock agrees.
    pub fn appended(&self, id: u64, offset: i64) -> Input {
        let broker_ms = Some(self.now_ms);
        let result = Appended::At { offset, broker_ms };
        Input::Appended { id, result }
    }

    fn history(&self, read: u64, from: ReadFrom, through: i64) -> Input {
        let from = match from {
            ReadFrom::Earliest => 0,
            ReadFrom::Offset(offset) => offset,
            ReadFrom::Last(n) => through - n + 1,
        };
        let wanted = from.max(self.log_start)..=through;
        let records = (0..).zip(&self.log);
        Input::History {
            read,
            records: records
                .filter(|(offset, _)| wanted.contains(offset))
                .filter_map(|(offset, json)| json.clone().map(|json| (offset, json)))
                .collect(),
            last: true,
        }
    }

    /// What the log has of a closed execution.
    fn recalled(&self, execution: Arc<str>, through: i64) -> Input {
        let mut found = Recall::new(&execution);
        let wanted = self.log_start..=through;
        for (offset, json) in (0..).zip(&self.log) {
            if wanted.contains(&offset)
                && let Some(json) = json
            {
                found.record(offset, json);
            }
        }
        let steps = found.finish();
        Input::Recalled { execution, steps }
    }

    /// Names of the events that the log has of an execution, in order.
    pub fn events(&self, execution: &str) -> Vec<String> {
        let records = self.log.iter().flatten();
        records
            .filter_map(|json| match HistoryRecord::from_json(json) {
                Ok(HistoryRecord::Transition(t)) if &*t.execution == execution => Some(t.events),
                _ => None,
            })
            .flatten()
            .map(|event| name(&event.kind))
            .collect()
    }

    /// The log's last record.
    pub fn last_record(&self) -> HistoryRecord {
        self.record(self.log.len() as i64 - 1)
    }

    /// The record at an offset where there is one.
    pub fn record(&self, offset: i64) -> HistoryRecord {
        let json = self.log[offset as usize]
            .as_ref()
            .expect("owners leave no gaps");
        HistoryRecord::from_json(json).expect("owners write history")
    }
}
