//! Taking and losing the partition (R1, R3, R11).
//!
//! ```text
//! Idle -assigned-> Claiming -ack-> Loading -checkpoint-> Folding -through claim-> Opening -> Draining -> Active
//!   ^                 ^                                                                            |
//!   |                 +-- Pausing <- Asking <--- lost (append failure, foreign claim, cut log) <---+
//!   +-- revoked, or the broker says it is not ours
//! ```
//! Owns: the phases. Whatever goes wrong, memory is dropped whole and begins again with a new claim; an epoch is never
//! used twice.

use super::Owner;
use super::fold::{Fold, FoldError, Folding};
use super::memory::{Held, Memory};
use crate::call::CallError;
use crate::limits::RECLAIM_PAUSE_MAX_MS;
use crate::ports::{Action, Appended, ReadFrom};
use crate::views::Checkpoint;
use baton_schemas::history::{HistoryRecord, InputTopic};
use bytes::Bytes;
use std::sync::Arc;

/// Where the owner stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Owns nothing.
    Idle,
    /// A claim is under way.
    Claiming {
        /// Its append id.
        id: u64,
        /// When it was appended, by this node's clock, milliseconds since the epoch.
        sent_ms: i64,
    },
    /// Waits for the registry: the fold met a revision that it did not have.
    ReadingRegistry,
    /// Waits for the store's checkpoint.
    Loading,
    /// Reads the log back to see how far back it must begin.
    Seeking {
        /// Read id.
        read: u64,
    },
    /// Folds the log through its claim.
    Folding {
        /// Read id.
        read: u64,
    },
    /// Waits for the inputs to be opened.
    Opening,
    /// Works off the inputs that were there at the claim.
    Draining {
        /// End of completions then.
        completions_end: i64,
        /// End of requests then.
        requests_end: i64,
    },
    /// Serves.
    Active,
    /// Waits before claiming again.
    Pausing {
        /// Until this time, milliseconds since the epoch.
        until_ms: i64,
    },
    /// Has asked the broker whether the partition is still this node's.
    Asking,
    /// Stands until somebody looks.
    Halted,
}

/// How many of the last records are looked at to find the base.
const BASE_LOOKBACK: i64 = 256;

impl Owner {
    pub(super) fn on_assigned(&mut self, out: &mut Vec<Action>) {
        if self.phase == Phase::Idle {
            self.claim(out);
        }
    }

    pub(super) fn on_revoked(&mut self, out: &mut Vec<Action>) {
        self.drop_memory(out);
        self.phase = Phase::Idle;
        out.push(Action::Released);
    }

    /// Appends a claim. All memory is dropped before (R3).
    pub(super) fn claim(&mut self, out: &mut Vec<Action>) {
        self.claims += 1;
        let id = self.fresh_id();
        self.phase = Phase::Claiming {
            id,
            sent_ms: self.clock_ms,
        };
        out.push(self.claim_record(id));
    }

    pub(super) fn claim_record(&self, id: u64) -> Action {
        let record = HistoryRecord::Claim {
            node: self.settings.node.clone(),
            now: self.now_ms,
        };
        Action::Append {
            id,
            key: Arc::from(""),
            json: Bytes::from(record.to_json()),
        }
    }

    /// Takes the result of a claim's append; `false` if `id` is not a claim's.
    pub(super) fn on_claim_appended(
        &mut self,
        id: u64,
        result: &Appended,
        clock_ms: i64,
        out: &mut Vec<Action>,
    ) -> bool {
        if self.memory.reclaim == Some(id) {
            self.on_reclaimed(result, out);
            return true;
        }
        let sent_ms = match self.phase {
            Phase::Claiming { id: claim, sent_ms } if claim == id => sent_ms,
            _ => return false,
        };
        match result {
            Appended::At { offset, broker_ms } => {
                // The broker stamped it somewhere between sending and hearing of it.
                let skew_ms = broker_ms.map_or(0, |at| (sent_ms - at).max(at - clock_ms).max(0));
                if skew_ms > self.settings.clock_skew_max_ms && !self.without(11) {
                    self.halt(
                        format!(
                            "this node's clock is {skew_ms} ms off the broker's; at most {} ms are allowed: set the clock \
                             (NTP), then restart",
                            self.settings.clock_skew_max_ms
                        ),
                        out,
                    );
                    return true;
                }
                self.memory.epoch = *offset;
                self.memory.next_offset = offset + 1;
                self.memory.claimed_ms = self.now_ms;
                self.phase = Phase::Loading;
                out.push(Action::LoadCheckpoint);
            }
            // Whether it stands in the log or not: the next claim supersedes it.
            Appended::NoOffset => self.lose("the claim's offset is not known", false, out),
            Appended::Failed { reason } => {
                self.lose(&format!("the claim failed: {reason}"), false, out)
            }
        }
        true
    }

    pub(super) fn on_checkpoint(
        &mut self,
        checkpoint: Option<Box<Checkpoint>>,
        out: &mut Vec<Action>,
    ) {
        if self.phase != Phase::Loading {
            return;
        }
        let checkpoint = checkpoint.filter(|c| c.offset < self.memory.epoch && c.epoch <= c.offset);
        let folding = Folding {
            settings: &self.settings,
            definitions: &*self.definitions,
            pending: &mut self.memory.pending,
        };
        match checkpoint.map(|c| Fold::from_checkpoint(*c, folding)) {
            Some(Err(FoldError::UnknownRevision(_))) if !self.memory.registry_read => {
                self.learn_revision(out)
            }
            Some(Ok(fold)) => {
                let from = ReadFrom::Offset(fold.next_offset());
                self.memory.folding = Some(fold);
                self.read_history(from, out);
            }
            Some(Err(e)) => {
                let reason = format!("{e:?}");
                tracing::warn!(
                    partition = self.settings.partition,
                    reason,
                    "the checkpoint can't be used: folding the log"
                );
                self.seek_base(out);
            }
            None => self.seek_base(out),
        }
    }

    fn seek_base(&mut self, out: &mut Vec<Action>) {
        let read = self.fresh_id();
        self.memory.folding = None;
        self.memory.pending.clear();
        self.phase = Phase::Seeking { read };
        out.push(Action::ReadHistory {
            read,
            from: ReadFrom::Last(BASE_LOOKBACK),
            through: self.memory.epoch,
        });
    }

    fn read_history(&mut self, from: ReadFrom, out: &mut Vec<Action>) {
        let read = self.fresh_id();
        self.phase = Phase::Folding { read };
        // Without R3 the fold ends where the log ended before the claim.
        let through = if self.without(3) {
            self.memory.epoch - 1
        } else {
            self.memory.epoch
        };
        out.push(Action::ReadHistory {
            read,
            from,
            through,
        });
    }

    pub(super) fn on_history(
        &mut self,
        read: u64,
        records: &[(i64, Bytes)],
        last: bool,
        out: &mut Vec<Action>,
    ) {
        if self
            .memory
            .verify
            .as_ref()
            .is_some_and(|verify| verify.read == read)
        {
            self.on_looked_back(records, last, out);
        } else if self.phase == (Phase::Seeking { read }) {
            let base = records
                .iter()
                .rev()
                .find_map(|(_, json)| super::fold::base_of(json));
            self.memory
                .folding
                .get_or_insert_with(Fold::default)
                .note_base(base);
            if last {
                let base = self.memory.folding.take().and_then(|fold| fold.base());
                out.push(Action::ResetViews);
                self.memory.folding = Some(Fold::default());
                self.read_history(base.map_or(ReadFrom::Earliest, ReadFrom::Offset), out);
            }
        } else if self.phase == (Phase::Folding { read }) {
            self.fold_part(records, last, out);
        }
    }

    fn fold_part(&mut self, records: &[(i64, Bytes)], last: bool, out: &mut Vec<Action>) {
        let Some(mut fold) = self.memory.folding.take() else {
            return;
        };
        for (offset, json) in records {
            let context = Folding {
                settings: &self.settings,
                definitions: &*self.definitions,
                pending: &mut self.memory.pending,
            };
            match fold.record(*offset, json, context) {
                Ok(Some(applied)) => out.push(Action::Apply(applied)),
                Ok(None) => {}
                Err(FoldError::Gap) => {
                    tracing::warn!(
                        partition = self.settings.partition,
                        "the log no longer reaches back to the checkpoint"
                    );
                    self.seek_base(out);
                    return;
                }
                Err(FoldError::UnknownRevision(_)) if !self.memory.registry_read => {
                    self.learn_revision(out);
                    return;
                }
                Err(FoldError::Broken(reason) | FoldError::UnknownRevision(reason)) => {
                    self.halt(format!("history record at offset {offset}: {reason}"), out);
                    return;
                }
            }
        }
        self.memory.folding = Some(fold);
        if last {
            self.folded(out);
        }
    }

    /// The history names a definition that the registry, as far as this node has read it, doesn't have: read on (R13).
    fn learn_revision(&mut self, out: &mut Vec<Action>) {
        self.memory.registry_read = true;
        self.phase = Phase::ReadingRegistry;
        out.push(Action::ReadRegistry);
    }

    /// Folds anew now that the registry was read to its end.
    pub(super) fn fold_again(&mut self, out: &mut Vec<Action>) {
        if self.phase == Phase::ReadingRegistry {
            self.seek_base(out);
        }
    }

    /// The fold is through the claim: open the inputs where the history says (R7).
    fn folded(&mut self, out: &mut Vec<Action>) {
        let fold = self.memory.folding.take().expect("a fold just ended");
        if fold.epoch() != Some(self.memory.epoch) && !self.without(3) {
            self.lose(
                "the claim is not in the log where it was acknowledged",
                true,
                out,
            );
            return;
        }
        let (state, since_base, bases) = fold.finish();
        self.memory.seq = 0;
        self.memory.since_base = since_base;
        self.memory.bases = bases;
        self.memory.marked_positions = state.positions.clone();
        self.memory.done = state.positions.clone();
        self.memory.swept_ms = state.now_ms;
        self.memory.state = state;
        if !self.without(11) {
            self.now_ms = self.now_ms.max(self.memory.state.now_ms);
            self.memory.claimed_ms = self.memory.claimed_ms.max(self.memory.state.now_ms);
        }
        self.arm_all();
        self.phase = Phase::Opening;
        let position = |topic| {
            if self.without(7) {
                None
            } else {
                self.memory.state.positions.next(topic)
            }
        };
        out.push(Action::OpenInputs {
            completions: position(InputTopic::Completions),
            requests: position(InputTopic::Requests),
        });
    }

    pub(super) fn on_inputs_opened(
        &mut self,
        completions_end: i64,
        requests_end: i64,
        out: &mut Vec<Action>,
    ) {
        if self.phase != Phase::Opening {
            return;
        }
        self.phase = Phase::Draining {
            completions_end,
            requests_end,
        };
        out.push(Action::Owned {
            epoch: self.memory.epoch,
        });
        self.end_drain_if_done(out);
    }

    /// Begins to fire timers and to send what is unmarked, once the inputs of the claim's moment are dealt with (R11).
    pub(super) fn end_drain_if_done(&mut self, out: &mut Vec<Action>) {
        let Phase::Draining {
            completions_end,
            requests_end,
        } = self.phase
        else {
            return;
        };
        let done =
            |topic, end| end == 0 || self.memory.done.next(topic).is_some_and(|next| next >= end);
        let drained = done(InputTopic::Completions, completions_end)
            && done(InputTopic::Requests, requests_end);
        if drained || self.without(11) {
            self.phase = Phase::Active;
            self.memory.marked_ms = self.now_ms;
            self.send_pending(out);
            self.run_express_again(out);
            self.on_tick(out);
        }
    }

    /// Ownership is in doubt: drop everything (R3). A foreign hand in the log means asking the broker first (R5).
    pub(super) fn lose(&mut self, why: &str, foreign: bool, out: &mut Vec<Action>) {
        tracing::warn!(
            partition = self.settings.partition,
            epoch = self.memory.epoch,
            why,
            "memory dropped"
        );
        self.drop_memory(out);
        if foreign {
            self.phase = Phase::Asking;
            out.push(Action::CheckOwnership);
        } else {
            self.pause();
        }
    }

    pub(super) fn on_ownership(&mut self, ours: bool, out: &mut Vec<Action>) {
        if self.phase != Phase::Asking {
            return;
        }
        if ours {
            self.pause();
        } else {
            self.phase = Phase::Idle;
            out.push(Action::Released);
        }
    }

    /// Waits a little, differently on each node and time, so that two that doubt don't claim in step for ever.
    fn pause(&mut self) {
        let seed = self.settings.node.bytes().fold(self.claims, |h, b| {
            h.wrapping_mul(31).wrapping_add(u64::from(b))
        });
        let pause_ms =
            (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as i64 % RECLAIM_PAUSE_MAX_MS;
        self.phase = Phase::Pausing {
            until_ms: self.clock_ms + pause_ms,
        };
    }

    pub(super) fn halt(&mut self, reason: String, out: &mut Vec<Action>) {
        self.drop_memory(out);
        self.phase = Phase::Halted;
        out.push(Action::Halt { reason });
    }

    pub(super) fn on_history_failed(&mut self, read: u64, reason: &str, out: &mut Vec<Action>) {
        let looking = self
            .memory
            .verify
            .as_ref()
            .is_some_and(|verify| verify.read == read);
        if looking
            || self.phase == (Phase::Seeking { read })
            || self.phase == (Phase::Folding { read })
        {
            self.lose(&format!("the history can't be read: {reason}"), false, out);
        }
    }

    /// Drops everything a claim began. Callers whose outcome is unknown are told to ask again.
    fn drop_memory(&mut self, out: &mut Vec<Action>) {
        let partition = self.settings.partition;
        let memory = std::mem::take(&mut self.memory);
        let not_owner = CallError::NotOwner { partition };
        let in_flight = memory.in_flight.into_iter().flat_map(|r| r.replies);
        // A refusal appended nothing; what was granted may stand in the log.
        let unanswered = in_flight.map(|(id, reply)| match reply {
            Ok(_) => (id, CallError::InDoubt { partition }),
            Err(_) => (id, not_owner.clone()),
        });
        let held = memory.held.into_iter().filter_map(|held| match held {
            Held::Call(id, _) => Some((id, not_owner.clone())),
            Held::Refused(..) | Held::RegistryRead | Held::Recalled(..) => None,
        });
        let recalls = memory.recalls.into_values().flatten();
        let recalls = recalls.map(|redriving| (redriving.call, not_owner.clone()));
        let denials = memory.denials.into_iter();
        let denied = denials.map(|(id, _)| (id, not_owner.clone()));
        let cut_off = memory.express.callers();
        let cut_off = cut_off.map(|id| (id, CallError::CutOff));
        let replies = unanswered
            .chain(held)
            .chain(denied)
            .chain(recalls)
            .chain(cut_off);
        out.extend(replies.map(|(id, error)| Action::Reply {
            id,
            reply: Err(error),
        }));
        out.push(Action::CloseInputs);
        self.memory = Memory::default();
    }
}
