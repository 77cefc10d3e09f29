//! A simulated node: the real owners, and the queues between them and the world.

use crate::programs::Known;
use crate::store::Store;
use baton_engine::ports::{ReadFrom, Without};
use baton_engine::{Action, Input, Outbound, Owner, Settings};
use baton_schemas::topics::Topics;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// Number of nodes.
pub const NODES: usize = 2;
/// Number of partitions.
pub const PARTITIONS: usize = 2;
/// Largest history record, bytes, small so that runs meet it.
pub const RECORD_BYTES_MAX: usize = 6_000;

/// How much more the broker takes than an owner appends, bytes: what a statement has around its steps.
pub const RECORD_BYTES_SLACK: usize = 600;

/// A node: one process.
pub struct Node {
    /// Per partition.
    pub seats: Vec<Seat>,
    /// How far its clock is off, milliseconds.
    pub drift_ms: i64,
    /// Not scheduled before this step (SIGSTOP).
    pub frozen_until: u64,
}

/// A node's dealings with one partition.
pub struct Seat {
    /// The real thing.
    pub owner: Owner,
    /// Appends on their way to the broker, in order.
    pub appends: VecDeque<(u64, Bytes)>,
    /// Results on their way back, in order.
    pub acks: VecDeque<Input>,
    /// Other answers and orders on their way, in order.
    pub answers: VecDeque<Answer>,
    /// Outgoing records on their way, in order.
    pub sends: VecDeque<(u64, Outbound)>,
    /// Next offsets to read: completions, requests; `None` while closed.
    pub reading: Option<[i64; 2]>,
    /// Positions of which the owner was told that all below is read.
    pub told: [i64; 2],
    /// The local store, which outlives the process.
    pub store: Store,
    /// Calls waiting for an answer.
    pub calls: Vec<u64>,
}

/// Something on its way to an owner that is worked out when it arrives.
pub enum Answer {
    /// As it is.
    Plain(Input),
    /// A read of the history.
    Read {
        /// Read id.
        read: u64,
        /// Where from.
        from: ReadFrom,
        /// Last offset wanted.
        through: i64,
    },
    /// The registry is read to its end.
    Registry,
    /// A look at the end.
    End,
    /// Where the inputs end.
    Opened,
    /// The store's checkpoint.
    Checkpoint,
    /// Whether the partition is the node's.
    Ownership,
    /// The history of a closed execution.
    Recall {
        /// Whose.
        execution: Arc<str>,
        /// Last offset that has to be looked at.
        through: i64,
    },
}

/// Settings of a run.
#[derive(Clone, Copy, Default)]
pub struct Setup {
    /// Rules taken out.
    pub without: Without,
    /// Records between restatements.
    pub restate_every_records: u64,
    /// Retention of closed executions, milliseconds.
    pub closed_kept_ms: i64,
}

impl Seat {
    /// A new process' seat.
    #[must_use]
    pub fn new(node: usize, partition: usize, setup: Setup, known: &Arc<Known>) -> Self {
        let settings = Settings {
            node: format!("node-{node}").into(),
            partition: partition as i32,
            partitions: PARTITIONS as i32,
            topics: Topics::new("baton."),
            machine: baton_machine::Limits::default(),
            record_bytes_max: RECORD_BYTES_MAX,
            in_flight_max: 64,
            open_executions_max: 1_000,
            restate_every_records: setup.restate_every_records,
            closed_kept_ms: setup.closed_kept_ms,
            names_kept_ms: 90 * 24 * 3_600_000,
            command_resend_ms: 3_600_000,
            clock_skew_max_ms: 600_000,
            without: setup.without,
        };
        Self {
            owner: Owner::new(settings, known.clone()),
            appends: VecDeque::new(),
            acks: VecDeque::new(),
            answers: VecDeque::new(),
            sends: VecDeque::new(),
            reading: None,
            told: [0; 2],
            store: Store::default(),
            calls: Vec::new(),
        }
    }

    /// Does what can be done at once and queues the rest; what concerns the world is returned.
    pub fn take(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let mut rest = Vec::new();
        for action in actions {
            match action {
                Action::Append { id, json, .. } => self.appends.push_back((id, json)),
                Action::Send { id, outbound } => self.sends.push_back((id, outbound)),
                Action::LoadCheckpoint => self.answers.push_back(Answer::Checkpoint),
                Action::ResetViews => self.store.clear(),
                Action::ReadHistory {
                    read,
                    from,
                    through,
                } => {
                    self.answers.push_back(Answer::Read {
                        read,
                        from,
                        through,
                    });
                }
                Action::LookAtEnd => self.answers.push_back(Answer::End),
                Action::OpenInputs {
                    completions,
                    requests,
                } => {
                    self.reading = Some([completions.unwrap_or(0), requests.unwrap_or(0)]);
                    self.told = [-1; 2];
                    self.answers.push_back(Answer::Opened);
                }
                Action::CloseInputs => self.reading = None,
                Action::Apply(applied) => self.store.apply(applied),
                Action::ReadRegistry => {
                    self.answers
                        .retain(|answer| !matches!(answer, Answer::Registry));
                    self.answers.push_back(Answer::Registry);
                }
                Action::Recall { execution, through } => {
                    self.answers
                        .push_back(Answer::Recall { execution, through });
                }
                Action::CheckOwnership => self.answers.push_back(Answer::Ownership),
                other => rest.push(other),
            }
        }
        rest
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.appends.is_empty()
            && self.acks.is_empty()
            && self.answers.is_empty()
            && self.sends.is_empty()
            && self.owner.is_quiet()
    }
}
