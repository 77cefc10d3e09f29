//! Folding restatements (R14).
//!
//! Owns: what a restated execution, restated names and the closing record do to a fold. An execution may be stated in
//! parts, which follow one another; it counts when the last one was read.

use super::decide::steps_of;
use super::fold::{Fold, FoldError, Folding, Recalled, listed_under, pending_effect};
use super::outbox::Effects;
use super::redrive::{redrives_of, whole};
use super::state::{Slot, start_hash};
use crate::views::{Change, Opened};
use baton_machine::{Effect, Execution};
use baton_schemas::history::{Event, EventKind, Restated, Step};
use bytes::Bytes;
use std::sync::Arc;

impl Fold {
    pub(super) fn restated(
        &mut self,
        offset: i64,
        claim: i64,
        state: Restated,
        context: Folding<'_>,
    ) -> Result<Change, FoldError> {
        match state {
            Restated::Names(closed) => {
                self.state.names.extend(&closed);
                Ok(Change::Names(closed))
            }
            Restated::Complete {
                positions,
                now,
                bases,
            } => {
                for (topic, next) in &positions.0 {
                    self.state.positions.advance(*topic, *next);
                }
                self.state.now_ms = self.state.now_ms.max(now);
                self.state.base = Some(claim);
                self.since_base = 0;
                self.bases = bases.into();
                self.bases.push_back((claim, now));
                Ok(Change::Rebased(self.bases.iter().copied().collect()))
            }
            Restated::Recalled {
                execution,
                transitions,
                part,
            } => {
                let mut steps = match self.recalled.take() {
                    Some(recalled) if part > 0 && recalled.arn == execution => {
                        steps_of(&recalled.slot.records.all())
                    }
                    _ if part == 0 => Vec::new(),
                    _ => return Err(no_part_before(&execution, part)),
                };
                steps.extend(transitions);
                self.recall(claim, execution, steps, &context)?;
                Ok(Change::None)
            }
            Restated::Execution {
                execution,
                transitions,
                part,
                more,
            } => {
                let mut steps = match self.gathering.take() {
                    Some((arn, of, steps)) if part > 0 && arn == execution && of == claim => steps,
                    _ if part == 0 => Vec::new(),
                    // The checkpoint was taken between two parts; it has the execution as it was before.
                    _ if self.state.executions.contains_key(&execution) => return Ok(Change::None),
                    _ => return Err(no_part_before(&execution, part)),
                };
                steps.extend(transitions);
                if more {
                    self.gathering = Some((execution, claim, steps));
                    return Ok(Change::None);
                }
                self.stated(offset, claim, execution, steps, context)
            }
        }
    }

    /// An execution whose statement is whole.
    fn stated(
        &mut self,
        offset: i64,
        claim: i64,
        execution: Arc<str>,
        mut steps: Vec<Step>,
        context: Folding<'_>,
    ) -> Result<Change, FoldError> {
        for step in &mut steps {
            self.texts.share(&mut step.events);
        }
        let (slot, opened, outside) = self.replay(&execution, claim, &steps, &context)?;
        if slot.execution.status() != baton_machine::Status::Running {
            // Only in the store: the past of an execution that was redriven, right before its redrive.
            self.recall(claim, execution, steps, &context)?;
            return Ok(Change::None);
        }
        // Whoever has the statement in place of the records before it doesn't know which of their effects got through.
        let effects: Effects = outside
            .into_iter()
            .chain(outstanding(&slot.execution))
            .filter_map(|e| pending_effect(&execution, &slot.execution, e, context.settings))
            .collect();
        if !effects.is_empty() {
            context.pending.insert(offset, effects);
        }
        let json = whole(&execution, claim, steps);
        let start_ms = slot.start_ms;
        let executions = &mut self.state.executions;
        executions.insert(execution.clone(), Box::new(slot));
        self.state.keep(&execution, json.clone());
        Ok(Change::Restated {
            execution,
            start_ms,
            opened,
            json,
        })
    }

    /// A closed execution of which a redrive may follow.
    fn recall(
        &mut self,
        claim: i64,
        arn: Arc<str>,
        steps: Vec<Step>,
        context: &Folding<'_>,
    ) -> Result<(), FoldError> {
        let (mut slot, ..) = self.replay(&arn, claim, &steps, context)?;
        let past = whole(&arn, claim, steps);
        slot.records.push(past.clone());
        self.recalled = Some(Recalled { arn, slot, past });
        Ok(())
    }

    /// A closed execution goes on.
    #[expect(
        clippy::too_many_arguments,
        reason = "those of `events`, and what was recalled"
    )]
    pub(super) fn redriven(
        &mut self,
        arn: Arc<str>,
        recalled: Option<Recalled>,
        events: &[Event],
        now_ms: i64,
        json: &Bytes,
        context: &Folding<'_>,
        pending: &mut Effects,
    ) -> Result<Change, FoldError> {
        let Some(Recalled { mut slot, past, .. }) = recalled.filter(|r| r.arn == arn) else {
            return Err(format!("{arn} is redriven, but its past was not said before").into());
        };
        let mut effects = Vec::new();
        for event in events {
            slot.execution.apply(event, now_ms, &mut effects);
        }
        let sent = |effect| pending_effect(&arn, &slot.execution, effect, context.settings);
        pending.extend(effects.into_iter().filter_map(sent));
        let started = slot.execution.started();
        let opened = Opened {
            machine: started.machine.clone(),
            revision: started.revision,
            start_hash: slot.start_hash,
        };
        let (start_ms, redrives) = (slot.start_ms, redrives_of(&slot.execution));
        slot.cools = false;
        let executions = &mut self.state.executions;
        executions.insert(arn.clone(), Box::new(slot));
        let closed = self.close_if_done(&arn, now_ms, json);
        if closed.is_none() {
            self.state.keep(&arn, json.clone());
        }
        Ok(Change::Reopened {
            start_ms,
            opened,
            redrives,
            past,
            json: json.clone(),
            closed,
            execution: arn,
        })
    }

    /// The execution of `steps`, and those of its effects that nothing in it stands for.
    fn replay(
        &mut self,
        arn: &Arc<str>,
        claim: i64,
        steps: &[Step],
        context: &Folding<'_>,
    ) -> Result<(Slot, Opened, Vec<Effect>), FoldError> {
        let first = steps
            .first()
            .and_then(|step| step.events.first())
            .ok_or("an execution without events")?;
        let (EventKind::ExecutionStarted(started), Some(input)) = (&first.kind, &first.data) else {
            return Err("an execution that does not begin with ExecutionStarted".into());
        };
        let start_hash = start_hash(&started.machine, input, started.parent.as_deref());
        let opened = Opened {
            machine: listed_under(started),
            revision: started.revision,
            start_hash,
        };
        let mut slot = self.new_slot(arn, started.revision, steps[0].now, start_hash, context)?;
        let (mut outside, mut effects) = (Vec::new(), Vec::new());
        for step in steps {
            for event in &step.events {
                slot.execution.apply(event, step.now, &mut effects);
            }
            let waits =
                |effect: &Effect| matches!(effect, Effect::Command(_) | Effect::StartChild(_));
            outside.extend(effects.drain(..).filter(|effect| !waits(effect)));
            self.state.now_ms = self.state.now_ms.max(step.now);
        }
        slot.restated = claim;
        Ok((slot, opened, outside))
    }
}

/// What was asked of others and is waited for.
pub fn outstanding(execution: &Execution) -> impl Iterator<Item = Effect> {
    let commands = execution.open_commands().into_iter().map(Effect::Command);
    let children = execution.open_children().into_iter();
    commands.chain(children.map(Effect::StartChild))
}

fn no_part_before(execution: &str, part: u32) -> FoldError {
    format!("part {part} of {execution} follows no part {}", part - 1).into()
}
