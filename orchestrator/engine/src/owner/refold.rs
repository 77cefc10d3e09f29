//! Folding restatements (R14).
//!
//! Owns: what a restated execution, restated names and the closing record do to a fold. An execution may be stated in
//! parts, which follow one another; it counts when the last one was read.

use super::fold::listed_under;
use super::fold::{Fold, FoldError, Folding, pending_effect};
use super::outbox::Effects;
use super::state::{Slot, start_hash, to_bytes};
use crate::views::{Change, Opened};
use baton_machine::Effect;
use baton_schemas::history::{EventKind, HistoryRecord, Restated, Step};
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
                    _ => {
                        return Err(format!(
                            "part {part} of {execution} follows no part {}",
                            part - 1
                        )
                        .into());
                    }
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
        let (slot, opened) = self.replay(&execution, claim, &steps, &context)?;
        let commands = slot
            .execution
            .open_commands()
            .into_iter()
            .map(Effect::Command);
        let effects: Effects = commands
            .filter_map(|e| pending_effect(&execution, &slot.execution, e, context.settings))
            .collect();
        if !effects.is_empty() {
            context.pending.insert(offset, effects);
        }
        // In one piece, for memory and views; only records of the log are bounded.
        let whole = Restated::Execution {
            execution: execution.clone(),
            transitions: steps,
            part: 0,
            more: false,
        };
        let record = HistoryRecord::Restatement {
            epoch: claim,
            seq: 0,
            state: whole,
        };
        let json = to_bytes(&record);
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

    fn replay(
        &mut self,
        arn: &Arc<str>,
        claim: i64,
        steps: &[Step],
        context: &Folding<'_>,
    ) -> Result<(Slot, Opened), FoldError> {
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
        for step in steps {
            for event in &step.events {
                slot.execution.apply(event, step.now, &mut Vec::new());
            }
            self.state.now_ms = self.state.now_ms.max(step.now);
        }
        slot.restated = claim;
        Ok((slot, opened))
    }
}
