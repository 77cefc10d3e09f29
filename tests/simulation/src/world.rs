//! The world of a run: broker, workers, callers, faults; one event a step, chosen by the seed.

use crate::log::{HistoryLog, InputLog};
use crate::node::{
    Answer, NODES, Node, PARTITIONS, RECORD_BYTES_MAX, RECORD_BYTES_SLACK, Seat, Setup,
};
use crate::programs::{Known, PLAIN, Programs, read_items};
use crate::rng::Rng;
use baton_engine::call::StartCall;
use baton_engine::ports::ReadFrom;
use baton_engine::recall::{self, Recall};
use baton_engine::{
    Action, Appended, Call, CallError, Input, InputRecord, MAP_IO, Outbound, Reply,
};
use baton_schemas::history::{EventKind, Failure, InputTopic};
use baton_schemas::partition::partition_of;
use baton_schemas::request::{ReplyTo, StartRequest, StopRequest};
use baton_schemas::{Completion, Outcome, Payload, Request, TaskToken};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const TOPICS: [InputTopic; 2] = [InputTopic::Completions, InputTopic::Requests];

/// Everything there is.
pub struct World {
    pub rng: Rng,
    pub programs: Arc<Programs>,
    /// What each node knows of them.
    pub known: Vec<Arc<Known>>,
    /// Results reported to those who asked for them.
    pub reported: BTreeMap<Arc<str>, &'static str>,
    pub setup: Setup,
    /// Node that serves each partition's requests instead of its owner (R8 taken out).
    pub split_requests: bool,
    pub now_ms: i64,
    pub step: u64,
    pub history: Vec<HistoryLog>,
    /// By topic, then partition.
    pub inputs: [Vec<InputLog>; 2],
    pub nodes: Vec<Node>,
    /// Who the group says owns each partition.
    pub assigned: [usize; PARTITIONS],
    /// Nodes that have not heard yet that a partition is no longer theirs.
    pub unaware: Vec<(usize, usize)>,
    /// Appends that the client gave up on and that may still land.
    pub late: Vec<(usize, Bytes)>,
    /// Commands that workers have.
    pub commands: Vec<TaskToken>,
    /// Epochs that began an owner's life (not those of a restatement), by partition.
    pub lives: Vec<BTreeSet<i64>>,
    /// Step at which the first completion of a task stood in its own partition.
    pub completed_at: BTreeMap<(Arc<str>, u64), u64>,
    pub callers: Vec<Caller>,
    pub faults: u32,
    pub next_call: u64,
    pub broken: Option<String>,
    pub trace: bool,
}

/// Somebody who wants an execution started, and perhaps stopped.
pub struct Caller {
    pub arn: Arc<str>,
    pub name: Arc<str>,
    pub machine: usize,
    pub input: Payload,
    /// The open call and where it was made: node, partition.
    pub waiting: Option<(u64, usize, usize, bool)>,
    pub started: bool,
    /// Starts by a record instead of a call.
    pub by_record: bool,
    pub stops: bool,
    pub stopped: bool,
    /// How often it still wants to have the execution redriven, if that does not succeed.
    pub redrives: u32,
    /// Redrives that were answered: each has its own token.
    pub redriven: u32,
    pub pause: Pause,
}

/// How far a caller is that wants a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Will ask for it.
    Wanted,
    /// Has it, and will ask for the end of it.
    Granted,
    /// Is done.
    Over,
}

impl World {
    pub fn fail(&mut self, what: impl Into<String>) {
        if self.broken.is_none() {
            self.broken = Some(what.into());
        }
    }

    fn say(&self, what: impl Fn() -> String) {
        if self.trace {
            println!("{:5} {:9} {}", self.step, self.now_ms, what());
        }
    }

    fn spend_fault(&mut self, one_in: usize) -> bool {
        let hit = self.faults > 0 && self.rng.one_in(one_in);
        if hit {
            self.faults -= 1;
        }
        hit
    }

    /// Tells an owner something and does what it wants.
    pub fn tell(&mut self, n: usize, p: usize, input: Input) {
        let clock_ms = self.now_ms + self.nodes[n].drift_ms;
        let mut actions = Vec::new();
        self.say(|| format!("node {n} partition {p} <- {}", brief(&input)));
        self.nodes[n].seats[p]
            .owner
            .handle(input, clock_ms, &mut actions);
        for action in &actions {
            self.say(|| format!("    -> {}", brief(action)));
        }
        for action in self.nodes[n].seats[p].take(actions) {
            self.act(n, p, action);
        }
    }

    fn act(&mut self, n: usize, p: usize, action: Action) {
        match action {
            Action::Reply { id, reply } => self.replied(n, p, id, reply),
            Action::DeleteHistory { before } => {
                let log = &mut self.history[p];
                log.start = log.start.max(before);
            }
            Action::Halt { reason } => {
                self.fail(format!("node {n} halted partition {p}: {reason}"))
            }
            _ => {}
        }
    }

    fn replied(&mut self, n: usize, p: usize, id: u64, reply: Result<Reply, CallError>) {
        self.nodes[n].seats[p].calls.retain(|c| *c != id);
        let Some(i) = self
            .callers
            .iter()
            .position(|c| c.waiting.is_some_and(|w| w.0 == id))
        else {
            return;
        };
        let stopping = self.callers[i].waiting.is_some_and(|w| w.3);
        self.callers[i].waiting = None;
        let arn = self.callers[i].arn.clone();
        self.intervened(i, p, &reply);
        let fold = &self.history[p].fold;
        let (known, closed) = (
            fold.executions.contains_key(&arn),
            fold.executions.get(&arn).is_some_and(|s| s.closed),
        );
        match reply {
            Ok(Reply::Started { .. }) | Err(CallError::ExecutionAlreadyExists(_)) => {
                if !known {
                    self.fail(format!(
                        "{arn}: the caller was told of an execution that is not in the history"
                    ));
                }
                self.callers[i].started = true;
            }
            Ok(Reply::Stopped { .. }) => {
                if !closed {
                    self.fail(format!(
                        "{arn}: the caller was told it is stopped, the history says it is not"
                    ));
                }
                self.callers[i].stopped = true;
            }
            Err(CallError::ExecutionDoesNotExist(_)) if stopping && known => {
                self.fail(format!(
                    "{arn}: told that it does not exist, the history has it"
                ));
            }
            _ => {}
        }
    }

    /// What an answer about a redrive or a pause leaves to be done.
    fn intervened(&mut self, i: usize, p: usize, reply: &Result<Reply, CallError>) {
        let arn = self.callers[i].arn.clone();
        let token = token_of(&self.callers[i]);
        let events = self.history[p].fold.executions.get(&arn);
        let events = events.map_or(&[][..], |seen| &seen.events[..]);
        let is_redrive = |kind: &EventKind| matches!(kind, EventKind::ExecutionRedriven(r) if r.token.as_deref() == Some(&*token));
        let told_falsely = match reply {
            Ok(Reply::Redriven { .. }) => !events.iter().any(|(_, e)| is_redrive(&e.kind)),
            Ok(Reply::Paused { paused_ms }) if paused_ms.is_some() => !events
                .iter()
                .any(|(_, e)| e.kind == EventKind::ExecutionPaused),
            _ => false,
        };
        let may_be_deleted = self.setup.closed_kept_ms == 0;
        let caller = &mut self.callers[i];
        match reply {
            Ok(Reply::Redriven { .. }) => {
                caller.redrives -= 1;
                caller.redriven += 1;
            }
            Ok(Reply::Paused { paused_ms: Some(_) }) => caller.pause = Pause::Granted,
            Ok(Reply::Paused { paused_ms: None }) | Err(CallError::ExecutionClosed(_)) => {
                caller.pause = Pause::Over;
            }
            // It succeeded, or runs: because somebody's late redrive counted.
            Err(CallError::ExecutionNotRedrivable(why)) if why.contains("SUCCEEDED") => {
                caller.redrives = 0;
            }
            Err(CallError::ExecutionDoesNotExist(_)) if caller.started => {
                (caller.redrives, caller.pause) = (0, Pause::Over);
            }
            Err(CallError::Throttled(why)) if may_be_deleted && why.contains("not at hand") => {
                caller.redrives = 0;
            }
            _ => {}
        }
        if told_falsely {
            self.fail(format!(
                "{arn}: the caller was told {reply:?}, which is not in the history"
            ));
        }
    }

    // --- the broker -------------------------------------------------------------------------------------------

    /// The next append of a seat meets its fate.
    pub fn deliver_append(&mut self, n: usize, p: usize) {
        let Some((id, json)) = self.nodes[n].seats[p].appends.pop_front() else {
            return;
        };
        let step = self.step;
        let result = if json.len() > RECORD_BYTES_MAX + RECORD_BYTES_SLACK {
            Appended::Failed {
                reason: "message too large".into(),
            }
        } else if self.spend_fault(25) {
            match self.rng.below(5) {
                0 => Appended::Failed {
                    reason: "lost on the way".into(),
                },
                1 => {
                    self.history[p].append(json, step);
                    Appended::Failed {
                        reason: "the acknowledgement was lost".into(),
                    }
                }
                2 => {
                    self.history[p].append(json, step);
                    Appended::NoOffset
                }
                3 => {
                    self.late.push((p, json));
                    Appended::Failed {
                        reason: "timed out".into(),
                    }
                }
                _ => {
                    let offset = self.history[p].append(json.clone(), step);
                    self.history[p].append(json, step);
                    Appended::At {
                        offset,
                        broker_ms: None,
                    }
                }
            }
        } else {
            let offset = self.history[p].append(json, step);
            Appended::At {
                offset,
                broker_ms: Some(self.now_ms),
            }
        };
        self.say(|| format!("append of node {n} partition {p}: {id} {result:?}"));
        self.nodes[n].seats[p]
            .acks
            .push_back(Input::Appended { id, result });
    }

    pub fn deliver_answer(&mut self, n: usize, p: usize) {
        let Some(answer) = self.nodes[n].seats[p].answers.pop_front() else {
            return;
        };
        match answer {
            Answer::Plain(input) => self.tell(n, p, input),
            Answer::Registry => {
                self.known[n].read.store(true, Ordering::Relaxed);
                self.tell(n, p, Input::RegistryRead);
            }
            Answer::End => {
                let next = self.history[p].end();
                self.tell(n, p, Input::HistoryEnd { next });
            }
            Answer::Opened => {
                let (completions_end, requests_end) =
                    (self.inputs[0][p].end(), self.inputs[1][p].end());
                self.tell(
                    n,
                    p,
                    Input::InputsOpened {
                        completions_end,
                        requests_end,
                    },
                );
                self.lives[p].extend(self.nodes[n].seats[p].owner.epoch());
            }
            Answer::Checkpoint => {
                let checkpoint = self.nodes[n].seats[p].store.checkpoint();
                self.tell(n, p, Input::Checkpoint(checkpoint));
            }
            Answer::Recall { execution, through } => {
                // From the store, if it has it; else from the log.
                let stored = self.nodes[n].seats[p].store.history(&execution);
                let steps = match stored.filter(|_| !self.rng.one_in(3)) {
                    Some(records) => recall::steps_of(&records).ok(),
                    None => {
                        let mut found = Recall::new(&execution);
                        for (offset, json) in self.history[p].read(0, through) {
                            found.record(offset, &json);
                        }
                        found.finish()
                    }
                };
                self.tell(n, p, Input::Recalled { execution, steps });
            }
            Answer::Ownership => {
                let ours = self.assigned[p] == n;
                self.tell(n, p, Input::Ownership { ours });
            }
            Answer::Read {
                read,
                from,
                through,
            } => {
                let through = through.min(self.history[p].end() - 1);
                let from = match from {
                    ReadFrom::Earliest => 0,
                    ReadFrom::Offset(offset) => offset,
                    ReadFrom::Last(n) => through + 1 - n,
                };
                let mut records = self.history[p].read(from, through);
                if records.len() > 1 && self.rng.one_in(3) {
                    let rest = records.split_off(self.rng.below(records.len()));
                    self.tell(
                        n,
                        p,
                        Input::History {
                            read,
                            records,
                            last: false,
                        },
                    );
                    records = rest;
                }
                self.tell(
                    n,
                    p,
                    Input::History {
                        read,
                        records,
                        last: true,
                    },
                );
            }
        }
    }

    pub fn deliver_send(&mut self, n: usize, p: usize) {
        let Some((id, outbound)) = self.nodes[n].seats[p].sends.pop_front() else {
            return;
        };
        let mut result = Ok(());
        match outbound {
            Outbound::Command { queue, command } if &*queue == MAP_IO => {
                let (arn, run) = command.token.parts().expect("our own token");
                if !self.history[p].fold.scheduled(&arn, run) {
                    self.fail(format!("items of run {run} of {arn} read without history"));
                }
                let answer = read_items(&command.input.to_value());
                let completion = Completion {
                    token: command.token,
                    outcome: Outcome::Succeeded(Payload::from_value(&answer)),
                    traceparent: None,
                };
                for _ in 0..1 + self.rng.below(2) {
                    let record = InputRecord::Completion(completion.clone());
                    self.put_input(0, command.reply_partition as usize, record);
                }
            }
            Outbound::Request { partition, request } => {
                for _ in 0..1 + self.rng.below(2) {
                    let record = InputRecord::Request((*request).clone());
                    self.put_input(1, partition as usize, record);
                }
            }
            Outbound::Report {
                partition,
                completion,
            } => self.put_input(0, partition as usize, InputRecord::Completion(*completion)),
            Outbound::Command { .. } if self.rng.one_in(40) => result = Err("refused".to_owned()),
            Outbound::Closed { closed, .. } => {
                let fold = &self.history[p].fold;
                let is_closed = fold.executions.get(&closed.execution).map_or(
                    fold.buried.contains(&closed.execution),
                    |seen| {
                        // The end before a redrive may be reported once more, as any effect.
                        seen.closed || seen.redrives > 0
                    },
                );
                if !is_closed {
                    self.fail(format!(
                        "{}: its end was reported before it was in the history",
                        closed.execution
                    ));
                }
                self.reported.insert(closed.execution, closed.status);
            }
            // As the adapter does: from the views; what isn't there can't be reported. (A record that doesn't count, between
            // mark and checkpoint, may ask for that; whoever waits asks again.)
            Outbound::ReportAgain { execution, to } => {
                let fold = &self.history[p].fold;
                if fold
                    .executions
                    .get(&execution)
                    .is_some_and(|seen| seen.closed)
                {
                    let report = fold.report(&execution);
                    self.reported.insert(execution, "again");
                    if let Some(report) = report {
                        let record = InputRecord::Completion(report);
                        self.put_input(0, to.partition as usize, record);
                    }
                } else {
                    result = Err("unknown".to_owned());
                }
            }
            Outbound::Command { command, .. } => {
                let (arn, task) = command.token.parts().expect("our own token");
                if !self.history[p].fold.scheduled(&arn, task) {
                    self.fail(format!(
                        "command for task {task} of {arn} sent without history"
                    ));
                }
                if !self.commands.contains(&command.token) {
                    self.commands.push(command.token);
                }
            }
            Outbound::PassOn {
                topic,
                partition,
                record,
                ..
            } => {
                let t = usize::from(topic == InputTopic::Requests);
                let input = if t == 0 {
                    Completion::from_view(&record).map(InputRecord::Completion)
                } else {
                    Request::from_view(&record).map(InputRecord::Request)
                };
                self.put_input(
                    t,
                    partition as usize,
                    input.expect("what is passed on can be read"),
                );
            }
            _ => {}
        }
        self.nodes[n].seats[p]
            .acks
            .push_back(Input::Sent { id, result });
    }

    pub fn deliver_record(&mut self, n: usize, p: usize, t: usize) {
        let seat = &self.nodes[n].seats[p];
        let Some(reading) = seat.reading else { return };
        let (topic, offset) = (TOPICS[t], reading[t]);
        if let Some((record, _)) = self.inputs[t][p].records.get(offset as usize) {
            if seat.owner.wants(topic) {
                let record = record.clone();
                self.nodes[n].seats[p].reading = Some(if t == 0 {
                    [offset + 1, reading[1]]
                } else {
                    [reading[0], offset + 1]
                });
                self.tell(
                    n,
                    p,
                    Input::Record {
                        topic,
                        offset,
                        record,
                    },
                );
            }
        } else if seat.told[t] != offset {
            self.nodes[n].seats[p].told[t] = offset;
            self.tell(
                n,
                p,
                Input::ReadUpTo {
                    topic,
                    next: offset,
                },
            );
        }
    }

    pub fn put_input(&mut self, t: usize, p: usize, record: InputRecord) {
        if let InputRecord::Completion(completion) = &record
            && !matches!(completion.outcome, Outcome::Heartbeat(_))
            && let Some((arn, task)) = completion.token.parts()
            && partition_of(arn.as_bytes(), PARTITIONS as i32) as usize == p
        {
            self.completed_at.entry((arn, task)).or_insert(self.step);
        }
        // Without R8 the requests go to whoever reads them; a reader that doesn't own the partition has no use for them.
        let step = self.step;
        self.inputs[t][p].records.push((record, step));
    }

    // --- workers ----------------------------------------------------------------------------------------------

    /// A worker does something about one of its commands.
    pub fn work(&mut self) {
        if self.commands.is_empty() {
            return;
        }
        let i = self.rng.below(self.commands.len());
        let token = self.commands[i].clone();
        let (arn, _) = token.parts().expect("our own token");
        let home = partition_of(arn.as_bytes(), PARTITIONS as i32) as usize;
        let outcome = match self.rng.below(20) {
            0..=2 => Outcome::Failed(Failure {
                error: Some("Boom".into()),
                cause: Some("chance".into()),
            }),
            3..=4 => Outcome::Heartbeat(None),
            5 | 6 => {
                let size = [RECORD_BYTES_MAX - 300, RECORD_BYTES_MAX / 2 - 100][self.rng.below(2)];
                let large = format!("\"{}\"", "x".repeat(size));
                Outcome::Succeeded(Payload::from_text(&large).expect("a JSON string"))
            }
            n => Outcome::Succeeded(Payload::from_text(&n.to_string()).expect("a JSON number")),
        };
        let done = !matches!(outcome, Outcome::Heartbeat(_));
        if done && !self.rng.one_in(6) {
            self.commands.swap_remove(i);
        }
        let completion = Completion {
            token,
            outcome,
            traceparent: None,
        };
        let p = if self.rng.one_in(8) {
            (home + 1) % PARTITIONS
        } else {
            home
        };
        self.say(|| format!("worker completes on {p}: {completion:?}"));
        self.put_input(0, p, InputRecord::Completion(completion));
    }

    // --- callers ----------------------------------------------------------------------------------------------

    pub fn call(&mut self, i: usize) {
        let caller = &self.callers[i];
        let p = partition_of(caller.arn.as_bytes(), PARTITIONS as i32) as usize;
        if caller.waiting.is_some() {
            return;
        }
        if caller.by_record && !caller.started {
            self.call_by_record(i, p);
            return;
        }
        let stop = caller.started && caller.stops && !caller.stopped;
        let wants_other = caller.redrives > 0 || caller.pause != Pause::Over;
        if caller.started && !stop && !wants_other {
            return;
        }
        let other = if caller.started && wants_other && (!stop || self.rng.one_in(2)) {
            self.intervention(i)
        } else {
            None
        };
        let stop = stop && other.is_none();
        if self.callers[i].started && !stop && other.is_none() {
            return;
        }
        // Mostly to the owner, sometimes to whoever thinks it is.
        let n = if self.rng.one_in(3) {
            self.rng.below(NODES)
        } else {
            self.assigned[p]
        };
        let id = self.next_call;
        self.next_call += 1;
        let caller = &mut self.callers[i];
        caller.waiting = Some((id, n, p, stop));
        let call = if let Some(call) = other {
            call
        } else if stop {
            Call::Stop {
                execution: caller.arn.clone(),
                failure: Failure::default(),
            }
        } else {
            Call::Start(Box::new(StartCall {
                execution: caller.arn.clone(),
                definition: self.programs.get(caller.machine).clone(),
                input: caller.input.clone(),
                traceparent: None,
                qualifier: None,
            }))
        };
        self.nodes[n].seats[p].calls.push(id);
        self.tell(n, p, Input::Call { id, call });
    }

    /// The redrive or pause that a caller wants next.
    fn intervention(&mut self, i: usize) -> Option<Call> {
        let redrive_first = self.rng.one_in(2);
        let caller = &self.callers[i];
        let execution = caller.arn.clone();
        if caller.redrives > 0 && (redrive_first || caller.pause == Pause::Over) {
            let token = Some(token_of(caller));
            return Some(Call::Redrive { execution, token });
        }
        let paused = match caller.pause {
            Pause::Wanted => true,
            Pause::Granted => false,
            Pause::Over => return None,
        };
        Some(Call::Pause { execution, paused })
    }

    fn call_by_record(&mut self, i: usize, p: usize) {
        let caller = &mut self.callers[i];
        caller.started = true;
        let start = StartRequest {
            execution: caller.arn.clone(),
            machine: self.programs.get(caller.machine).arn.clone(),
            name: caller.name.clone(),
            input: caller.input.clone(),
            reply_to: Some(ReplyTo {
                topic: "results".into(),
                partition: 0,
            }),
            traceparent: None,
            parent: None,
        };
        let arn = caller.arn.clone();
        let stop_first = caller.stops && caller.machine == PLAIN;
        caller.stopped = caller.stops;
        let on = if self.rng.one_in(4) {
            (p + 1) % PARTITIONS
        } else {
            p
        };
        if stop_first {
            let stop = StopRequest {
                execution: arn,
                failure: Failure::default(),
            };
            self.put_input(1, p, InputRecord::Request(Request::Stop(stop)));
        }
        for _ in 0..1 + self.rng.below(2) {
            self.put_input(1, on, InputRecord::Request(Request::Start(start.clone())));
        }
    }

    // --- faults -----------------------------------------------------------------------------------------------

    /// The process dies and comes back at once.
    pub fn crash(&mut self, n: usize) {
        self.say(|| format!("node {n} crashes"));
        // A restarted node may hear of a start before it has read of the machine.
        let has_read = self.rng.one_in(2);
        self.known[n].read.store(has_read, Ordering::Relaxed);
        for p in 0..PARTITIONS {
            let mut fresh = Seat::new(n, p, self.setup, &self.known[n]);
            std::mem::swap(&mut fresh, &mut self.nodes[n].seats[p]);
            let old = fresh;
            for (_, json) in old.appends {
                if self.rng.one_in(2) {
                    self.late.push((p, json));
                }
            }
            let mut store = old.store;
            store.crash();
            if self.rng.one_in(4) {
                store.clear();
            }
            self.nodes[n].seats[p].store = store;
            for caller in &mut self.callers {
                if caller.waiting.is_some_and(|w| w.1 == n && w.2 == p) {
                    caller.waiting = None;
                }
            }
        }
        self.unaware.retain(|(node, _)| *node != n);
        for p in 0..PARTITIONS {
            if self.assigned[p] == n {
                self.nodes[n].seats[p]
                    .answers
                    .push_back(Answer::Plain(Input::Assigned));
            }
        }
    }

    /// The group gives a partition to the other node; the old owner hears of it later.
    pub fn reassign(&mut self, p: usize) {
        let old = self.assigned[p];
        let new = (old + 1) % NODES;
        self.say(|| format!("partition {p} goes from node {old} to node {new}"));
        self.assigned[p] = new;
        self.unaware.retain(|entry| *entry != (new, p));
        self.unaware.push((old, p));
        self.nodes[new].seats[p]
            .answers
            .push_back(Answer::Plain(Input::Assigned));
    }

    pub fn inform(&mut self) {
        if self.unaware.is_empty() {
            return;
        }
        let i = self.rng.below(self.unaware.len());
        let (n, p) = self.unaware.swap_remove(i);
        self.tell(n, p, Input::Revoked);
    }

    pub fn land_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let i = self.rng.below(self.late.len());
        let (p, json) = self.late.swap_remove(i);
        if json.len() <= RECORD_BYTES_MAX + RECORD_BYTES_SLACK && self.rng.one_in(2) {
            self.say(|| format!("a late append lands on {p}"));
            let step = self.step;
            self.history[p].append(json, step);
        }
    }
}

/// What names a caller's next redrive, however often it has to ask.
fn token_of(caller: &Caller) -> Arc<str> {
    format!("redrive-{}", caller.redriven).into()
}

fn brief(what: &impl std::fmt::Debug) -> String {
    let mut text = format!("{what:?}");
    if text.len() > 300 {
        text.truncate(
            (0..=300)
                .rev()
                .find(|i| text.is_char_boundary(*i))
                .unwrap_or(0),
        );
    }
    text
}
