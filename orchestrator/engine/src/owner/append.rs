//! Appending, and what an acknowledgement is worth (R4, R5).
//!
//! Owns: the queue of records in flight. A record is effective when all earlier ones are and its acknowledgement
//! carries the expected offset; anything else is settled by reading the log back, because what readers accept is the
//! truth and contiguity is only its shortcut.

use super::Owner;
use super::memory::{InFlight, Then, Verify};
use super::outbox::Effects;
use crate::ports::{Action, Appended, Outbound, ReadFrom};
use crate::views::{Applied, Change};
use baton_schemas::history::HistoryRecord;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

impl Owner {
    /// The sequence number of the next record.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.memory.seq += 1;
        self.memory.seq
    }

    /// Whether records can be appended under the present epoch.
    pub(super) fn may_append(&self) -> bool {
        self.is_serving() && self.memory.reclaim.is_none()
    }

    /// Appends a record of the present epoch; `json` is it, `seq` its number (taken by [`Self::next_seq`]).
    pub(super) fn append(
        &mut self,
        key: Arc<str>,
        json: Bytes,
        change: Change,
        effects: Effects,
        then: Then,
        out: &mut Vec<Action>,
    ) {
        debug_assert!(self.may_append());
        let id = self.fresh_id();
        let (epoch, seq) = (self.memory.epoch, self.memory.seq);
        let state = &self.memory.state;
        let applied = Applied {
            partition: self.settings.partition,
            offset: 0,
            epoch,
            seq,
            positions: state.positions.clone(),
            mark: state.mark,
            base: state.base,
            now_ms: state.now_ms,
            since_base: 0,
            change,
        };
        let mut in_flight = InFlight {
            id,
            seq,
            effects,
            applied,
            replies: Vec::new(),
            then,
            logs: Vec::new(),
        };
        if self.without(3) {
            // The simulation's proof: acting before the record is effective.
            let effects = std::mem::take(&mut in_flight.effects);
            self.send_effects(self.memory.next_offset, effects, out);
        }
        self.memory.in_flight.push_back(in_flight);
        out.push(Action::Append { id, key, json });
    }

    /// Append id of the record appended last.
    pub(super) fn last_append_id(&self) -> u64 {
        self.memory.in_flight.back().map_or(0, |last| last.id)
    }

    /// Appends a record that changes no execution.
    pub(super) fn append_bare(
        &mut self,
        record: HistoryRecord,
        change: Change,
        then: Then,
        out: &mut Vec<Action>,
    ) {
        let json = Bytes::from(record.to_json());
        self.append(Arc::from(""), json, change, Effects::new(), then, out);
    }

    pub(super) fn on_appended(
        &mut self,
        id: u64,
        result: Appended,
        clock_ms: i64,
        out: &mut Vec<Action>,
    ) {
        if self.on_claim_appended(id, &result, clock_ms, out) {
            return;
        }
        let Some(front) = self.memory.in_flight.front() else {
            return; // of an earlier life
        };
        if id < front.id {
            return; // of an earlier life
        }
        match result {
            Appended::Failed { reason } => {
                self.lose(&format!("an append failed: {reason}"), false, out)
            }
            Appended::At { offset, .. } => self.acknowledged(id, Some(offset), out),
            Appended::NoOffset => self.acknowledged(id, None, out),
        }
    }

    fn acknowledged(&mut self, id: u64, offset: Option<i64>, out: &mut Vec<Action>) {
        if let Some(verify) = &mut self.memory.verify {
            verify.acks.push_back((id, offset));
            return;
        }
        let expected = self.memory.next_offset;
        let is_front = self
            .memory
            .in_flight
            .front()
            .is_some_and(|front| front.id == id);
        if self.without(4) || (is_front && offset == Some(expected)) {
            self.effective(offset.unwrap_or(expected), out);
            return;
        }
        if offset.is_some_and(|offset| offset < expected) {
            self.lose(
                "an acknowledgement went backward: somebody else wrote, or the log was cut",
                true,
                out,
            );
            return;
        }
        // A gap, or no offset: read what stands there.
        self.look_back(VecDeque::from([(id, offset)]), i64::MAX, out);
    }

    /// Reads the own history from the expected offset on.
    pub(super) fn look_back(
        &mut self,
        acks: VecDeque<(u64, Option<i64>)>,
        through: i64,
        out: &mut Vec<Action>,
    ) {
        let read = self.fresh_id();
        let next = self.memory.next_offset;
        let through = acks
            .iter()
            .filter_map(|(_, offset)| *offset)
            .min()
            .unwrap_or(through);
        self.memory.verify = Some(Verify {
            read,
            acks,
            seen: Vec::new(),
            foreign: false,
            next,
        });
        out.push(Action::ReadHistory {
            read,
            from: ReadFrom::Offset(next),
            through,
        });
    }

    /// A part of what a look back reads.
    pub(super) fn on_looked_back(
        &mut self,
        records: &[(i64, Bytes)],
        last: bool,
        out: &mut Vec<Action>,
    ) {
        let Some(verify) = &mut self.memory.verify else {
            return;
        };
        for (offset, json) in records {
            verify.next = verify.next.max(offset + 1);
            match HistoryRecord::from_json(json) {
                Ok(HistoryRecord::Claim { .. }) => verify.foreign = true,
                Ok(HistoryRecord::Transition(t)) if t.epoch == self.memory.epoch => {
                    verify.seen.push((*offset, t.seq))
                }
                Ok(
                    HistoryRecord::Mark { epoch, seq, .. }
                    | HistoryRecord::Restatement { epoch, seq, .. },
                ) if epoch == self.memory.epoch => {
                    verify.seen.push((*offset, seq));
                }
                _ => {}
            }
        }
        if !last {
            return;
        }
        let verify = self.memory.verify.take().expect("checked above");
        if verify.foreign {
            self.lose("somebody else claimed the partition", true, out);
            return;
        }
        self.settle(verify, out);
    }

    /// No claim stands between: what was read and is ours is effective, and the gap is harmless.
    fn settle(&mut self, verify: Verify, out: &mut Vec<Action>) {
        let mut acks = verify.acks;
        if !acks.is_empty() && verify.next <= self.memory.next_offset {
            let why = "what was acknowledged is no longer in the log: a later owner has deleted it";
            self.lose(why, true, out);
            return;
        }
        while let Some((id, offset)) = acks.pop_front() {
            let Some(front) = self.memory.in_flight.front() else {
                return;
            };
            if front.id != id {
                self.lose("acknowledgements came out of order", false, out);
                return;
            }
            let seq = front.seq;
            let at =
                offset.or_else(|| verify.seen.iter().find(|(_, s)| *s == seq).map(|(o, _)| *o));
            match at {
                // Read through this one: what lies before it has been looked at.
                Some(at) if at < verify.next || at == self.memory.next_offset => {
                    self.effective(at, out)
                }
                // A later gap: look again from here.
                _ => {
                    acks.push_front((id, offset));
                    self.look_back(acks, i64::MAX, out);
                    return;
                }
            }
        }
        if self.memory.in_flight.is_empty() {
            self.memory.next_offset = self.memory.next_offset.max(verify.next);
        }
        self.look_for_denials(out);
        self.continue_restating(out);
    }

    /// The first record in flight stands at `offset` and counts: act.
    fn effective(&mut self, offset: i64, out: &mut Vec<Action>) {
        let record = self
            .memory
            .in_flight
            .pop_front()
            .expect("an acknowledged record is in flight");
        self.memory.next_offset = offset + 1;
        self.memory.since_base += 1;
        let InFlight {
            id,
            effects,
            mut applied,
            replies,
            then,
            logs,
            ..
        } = record;
        let is_bare = matches!(applied.change, Change::None | Change::Marked(_));
        if !is_bare || !effects.is_empty() {
            self.memory.since_mark += 1;
            self.memory.mark_due = true;
        }
        applied.offset = offset;
        applied.since_base = self.memory.since_base;
        if then == Then::Rebase {
            self.rebased(&mut applied, out);
        }
        if then != Then::Precede {
            out.push(Action::Apply(applied));
        }
        self.send_effects(offset, effects, out);
        for log in logs {
            let id = self.fresh_id();
            let outbound = Outbound::Log(Box::new(log));
            out.push(Action::Send { id, outbound });
        }
        if then == Then::Run {
            self.express_accepted(id, offset, out);
        }
        out.extend(
            replies
                .into_iter()
                .map(|(id, reply)| Action::Reply { id, reply }),
        );
        self.mark_if_due(out);
    }

    pub(super) fn on_history_end(&mut self, next: i64, out: &mut Vec<Action>) {
        let Some(looked_at) = self.memory.looked_at.take() else {
            return;
        };
        if !self.is_serving() || self.memory.reclaim.is_some() || self.memory.verify.is_some() {
            return;
        }
        if next < looked_at {
            let why = "the history ends before what was acknowledged: the log was cut";
            self.lose(why, true, out);
        } else if next > self.memory.next_offset && self.memory.in_flight.is_empty() {
            self.look_back(VecDeque::new(), next - 1, out);
        } else {
            self.confirm_denials(next, out);
            self.look_for_denials(out);
        }
    }

    /// Asks where the log ends now.
    pub(super) fn ask_for_end(&mut self, out: &mut Vec<Action>) {
        self.memory.looked_ms = self.clock_ms;
        self.memory.looked_at = Some(self.memory.next_offset);
        self.memory.denials_looked = self.memory.denials.len();
        out.push(Action::LookAtEnd);
    }

    /// Nobody else has written up to `next`: what was denied before the look is denied for good.
    fn confirm_denials(&mut self, next: i64, out: &mut Vec<Action>) {
        let looked = std::mem::take(&mut self.memory.denials_looked).min(self.memory.denials.len());
        if next == self.memory.next_offset && self.memory.in_flight.is_empty() {
            let confirmed = self.memory.denials.drain(..looked);
            out.extend(confirmed.map(|(id, reply)| Action::Reply { id, reply }));
        } else if let Some(last) = self.memory.in_flight.back_mut() {
            // The acknowledgement of what is in flight will tell just as well.
            last.replies.append(&mut self.memory.denials);
        }
    }

    fn look_for_denials(&mut self, out: &mut Vec<Action>) {
        if !self.memory.denials.is_empty() && self.memory.looked_at.is_none() && self.is_serving() {
            self.ask_for_end(out);
        }
    }
}
