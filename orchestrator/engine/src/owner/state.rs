//! The folded state of a partition: what a reader of the history knows.
//!
//! Owns: open executions, taken names, input positions, mark and base. It changes only by accepted history records,
//! whether just decided or read back.

use super::records::{Dictionaries, Records};
use crate::definitions::Definition;
use baton_machine::Execution;
use baton_machine::logging::Logging;
use baton_schemas::Payload;
use baton_schemas::history::{Closed, HistoryRecord, Positions, Started};
use baton_schemas::parent::Parent;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What a reader of the history knows.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Open executions by ARN. Boxed: a table has up to twice the room that it needs.
    pub executions: FxHashMap<Arc<str>, Box<Slot>>,
    /// Executions whose records are still to be packed, the one that changed first in front; some have closed.
    pub cooling: VecDeque<Arc<str>>,
    /// What packing needs.
    pub dictionaries: Dictionaries,
    /// Names of closed executions.
    pub names: Names,
    /// Next offsets of the input topics.
    pub positions: Positions,
    /// Latest time recorded, milliseconds since the epoch.
    pub now_ms: i64,
    /// All effects of records up to this offset are acknowledged (R10); -1 before the first mark.
    pub mark: i64,
    /// Claim after which everything live was stated again last (R14).
    pub base: Option<i64>,
    /// Starts of Express executions that the last mark did not say are done, by offset; only while folding.
    pub express: BTreeMap<i64, ExpressStart>,
}

/// The start of an Express execution whose caller does not wait.
#[derive(Clone, Debug)]
pub struct ExpressStart {
    /// ARN.
    pub execution: Arc<str>,
    /// Facts of the start.
    pub started: Box<Started>,
    /// Input.
    pub input: Payload,
}

/// An open execution.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The execution itself.
    pub execution: Execution,
    /// When it started, milliseconds since the epoch.
    pub start_ms: i64,
    /// To recognise a repeated start.
    pub start_hash: u64,
    /// Its history records as written, oldest first.
    pub records: Records,
    /// Whether it is in [`State::cooling`].
    pub cools: bool,
    /// When its next timer is due, as entered in the timer queue.
    pub due_ms: Option<i64>,
    /// Epoch in which it was stated last (R14).
    pub restated: i64,
    /// Ignored completions among `records`; see [`crate::limits::IGNORED_KEPT_MAX`].
    pub ignored: u32,
    /// What of it is logged.
    pub logging: Logging,
}

impl State {
    /// Adds a history record to those of an open execution.
    pub fn keep(&mut self, arn: &Arc<str>, json: Bytes) {
        let Some(slot) = self.executions.get_mut(arn) else {
            return;
        };
        slot.records.push(json);
        if !slot.cools {
            slot.cools = true;
            self.cooling.push_back(arn.clone());
        }
    }

    /// Packs the records of executions that have not changed for long: of those that are more than `left`, and of at most
    /// `most`.
    pub fn cool(&mut self, left: usize, most: usize) {
        for _ in 0..most {
            if self.cooling.len() <= left {
                return;
            }
            let arn = self.cooling.pop_front();
            if let Some(slot) = arn.and_then(|arn| self.executions.get_mut(&arn)) {
                slot.cools = false;
                let machine = &slot.execution.started().machine;
                slot.records.pack(machine, &mut self.dictionaries);
            }
        }
    }
}

/// Names that are taken by closed executions.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_arn: FxHashMap<u128, Name>,
    by_age: BTreeSet<(i64, u128)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// As in [`Slot::start_hash`]; 0 for a stop that came before its start.
    pub start_hash: u64,
    /// When it closed, milliseconds since the epoch.
    pub closed_ms: i64,
}

impl Names {
    pub fn insert(&mut self, arn_hash: u128, name: Name) {
        if let Some(old) = self.by_arn.insert(arn_hash, name) {
            self.by_age.remove(&(old.closed_ms, arn_hash));
        }
        self.by_age.insert((name.closed_ms, arn_hash));
    }

    pub fn get(&self, arn: &str) -> Option<Name> {
        // Most partitions of a young system have no names; don't hash for nothing.
        if self.by_arn.is_empty() {
            return None;
        }
        self.by_arn.get(&baton_schemas::arn::arn_hash(arn)).copied()
    }

    /// Frees names closed before `before_ms`.
    pub fn expire(&mut self, before_ms: i64) {
        while let Some((closed_ms, arn_hash)) = self.by_age.first().copied() {
            if closed_ms >= before_ms {
                break;
            }
            self.by_age.pop_first();
            self.by_arn.remove(&arn_hash);
        }
    }

    /// All names, oldest first, in the form of the history.
    pub fn all(&self) -> Vec<Closed> {
        let closed = |(_, hash): &(i64, u128)| {
            self.by_arn.get(hash).map(|name| Closed {
                arn_hash: format!("{hash:032x}").into(),
                start_hash: name.start_hash,
                closed_ms: name.closed_ms,
            })
        };
        self.by_age.iter().filter_map(closed).collect()
    }

    /// Takes restated names in.
    pub fn extend(&mut self, closed: &[Closed]) {
        for name in closed {
            if let Ok(hash) = u128::from_str_radix(&name.arn_hash, 16) {
                self.insert(
                    hash,
                    Name {
                        start_hash: name.start_hash,
                        closed_ms: name.closed_ms,
                    },
                );
            }
        }
    }
}

/// A history record as it is written and kept: in exactly the memory that it needs.
pub fn to_bytes(record: &HistoryRecord) -> Bytes {
    record.to_json().into_boxed_slice().into()
}

/// 64-bit FNV-1a of machine, input and parent: whether a repeated start is the same start. Stable for ever, since it is stored.
pub fn start_hash(machine: &str, input: &Payload, parent: Option<&Parent>) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    // The same start by another parent is another one: whoever was first hears of it.
    let parent = parent.map(|parent| [&[0], parent.token.as_bytes()]);
    let parts = [machine.as_bytes(), &[0], input.as_str().as_bytes()];
    for part in parts.into_iter().chain(parent.into_iter().flatten()) {
        for byte in part {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

/// What of a machine's executions is logged.
pub fn logging_of(definition: &Definition) -> Logging {
    Logging::of(&definition.entry.settings["loggingConfiguration"])
}

/// The settings of a start that every reader finds again in the first event.
pub fn started_by(
    definition: &Definition,
    traceparent: Option<Arc<str>>,
    reply_to: Option<baton_schemas::request::ReplyTo>,
    qualifier: Option<Arc<str>>,
    (machine, parent): (Option<Arc<str>>, Option<Box<Parent>>),
) -> Started {
    Started {
        machine: machine.unwrap_or_else(|| definition.arn.clone()),
        revision: definition.revision,
        role_arn: definition.entry.role_arn.clone(),
        traceparent,
        reply_to,
        qualifier,
        express: None,
        parent,
    }
}
