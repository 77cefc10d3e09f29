//! Time (R5, R10, R11): due timers, marks, the look at the log's end, sending old commands again, expiring names.
//!
//! Owns: what a tick does. Timers fire only when the drain after a claim is over.

use super::Owner;
use super::claim::Phase;
use super::fold::pending_effect;
use super::outbox::Effects;
use super::refold::outstanding;
use crate::limits::{COOLING_MAX, PACKED_PER_TICK_MAX, TAIL_EVERY_MS, TICK_MAX_MS};
use crate::ports::Action;
use baton_machine::{Effect, Stimulus};
use baton_schemas::history::Cause;
use std::sync::Arc;

/// Most executions whose timers fire in one tick; the rest fire in the next, which comes at once.
const FIRED_PER_TICK_MAX: usize = 1_000;

impl Owner {
    pub(super) fn on_tick(&mut self, out: &mut Vec<Action>) {
        match self.phase {
            Phase::Pausing { until_ms } if self.clock_ms >= until_ms => self.claim(out),
            Phase::Draining { .. } => self.look_at_end(out),
            Phase::Active => {
                self.fire(out);
                self.fire_express(out);
                self.pack_some();
                if self.may_append() {
                    self.mark_if_due(out);
                    self.send_again(out);
                    self.expire_names();
                    self.restate_if_due(out);
                    self.continue_restating(out);
                }
                self.look_at_end(out);
            }
            _ => {}
        }
    }

    pub(super) fn next_tick(&self) -> Option<i64> {
        // A clock that was set back must not put the next tick off.
        let soon_ms = self.ticked_ms.min(self.clock_ms) + TICK_MAX_MS;
        match self.phase {
            Phase::Idle | Phase::Halted => None,
            Phase::Pausing { until_ms } => Some(until_ms),
            Phase::Active if self.may_append() && self.restating_can_go_on() => Some(self.clock_ms),
            Phase::Active if self.may_append() => {
                let first = self.memory.timers.first().map(|(due_ms, _)| *due_ms);
                let express = self.memory.express.next_due_ms();
                let first = first.into_iter().chain(express).min();
                Some(first.map_or(soon_ms, |due_ms| due_ms.min(soon_ms)))
            }
            _ => Some(soon_ms),
        }
    }

    /// Fires what is due.
    fn fire(&mut self, out: &mut Vec<Action>) {
        let heartbeats_since_ms = if self.without(11) {
            0
        } else {
            self.memory.claimed_ms
        };
        for _ in 0..FIRED_PER_TICK_MAX {
            let full = self.memory.in_flight.len() >= self.settings.in_flight_max;
            let Some((due_ms, arn)) = self.memory.timers.first().cloned() else {
                return;
            };
            if due_ms > self.now_ms || full || !self.may_append() {
                return;
            }
            self.memory.timers.remove(&(due_ms, arn.clone()));
            if let Some(slot) = self.memory.state.executions.get_mut(&arn) {
                slot.due_ms = None;
            }
            self.step(
                &arn,
                Stimulus::Tick {
                    heartbeats_since_ms,
                },
                Cause::Timer,
                None,
                out,
            );
        }
    }

    /// Looks whether somebody else wrote to the own history, when no acknowledgement would tell (R5).
    fn look_at_end(&mut self, out: &mut Vec<Action>) {
        let idle = self.memory.in_flight.is_empty()
            && self.memory.verify.is_none()
            && self.memory.reclaim.is_none();
        if idle
            && self.clock_ms - self.memory.looked_ms >= TAIL_EVERY_MS
            && self.memory.looked_at.is_none()
            && !self.without(5)
        {
            self.ask_for_end(out);
        }
    }

    /// Sends the command of a task that has been open for long again, before its topic drops it (R10), and asks again for
    /// the children that an execution has waited for as long: one that has ended reports again (R12).
    fn send_again(&mut self, out: &mut Vec<Action>) {
        let every_ms = self.settings.command_resend_ms;
        let (from_ms, to_ms) = (self.memory.swept_ms, self.now_ms);
        if every_ms <= 0 || to_ms - from_ms < every_ms / 4 {
            return;
        }
        self.memory.swept_ms = to_ms;
        let turns = |at_ms: i64, scheduled_ms: i64| (at_ms - scheduled_ms).max(0) / every_ms;
        let mut due: Vec<(Arc<str>, Effects)> = Vec::new();
        for (arn, slot) in &self.memory.state.executions {
            let execution = &slot.execution;
            let is_due = |effect: &Effect| {
                match effect {
                    Effect::Command(command) => Some(command.scheduled_ms),
                    Effect::StartChild(child) => execution.open_since_ms(child.task),
                    _ => None,
                }
                .is_some_and(|since_ms| turns(to_ms, since_ms) > turns(from_ms, since_ms))
            };
            let effects: Effects = outstanding(execution)
                .filter(is_due)
                .filter_map(|effect| pending_effect(arn, execution, effect, &self.settings))
                .collect();
            if !effects.is_empty() {
                due.push((arn.clone(), effects));
            }
        }
        // The map has no order; the log and the simulation want one.
        due.sort_by(|a, b| a.0.cmp(&b.0));
        let offset = self.memory.next_offset - 1;
        for (_, effects) in due {
            self.send_effects(offset, effects, out);
        }
    }

    /// Packs records of executions that have not changed for long, or of any when there is nothing else to do.
    fn pack_some(&mut self) {
        let idle = self.memory.in_flight.is_empty();
        let left = if idle { 0 } else { COOLING_MAX };
        self.memory.state.cool(left, PACKED_PER_TICK_MAX);
    }

    fn expire_names(&mut self) {
        self.memory
            .state
            .names
            .expire(self.now_ms - self.settings.names_kept_ms);
    }
}
