//! The event of a redrive.
//!
//! Owns: putting the frames back where they were when the execution closed. What goes on from there is decided in
//! `crate::redrive`.

use super::phase;
use crate::effect::Status;
use crate::execution::{Execution, Fallen};
use crate::frame::{Fork, Phase};
use crate::interventions::Redrive;
use baton_schemas::history::{Event, Redriven};

/// The execution runs again: every branch and iteration that did not end well is there again and idle.
pub(super) fn redrive(execution: &mut Execution, event: &Event, redriven: &Redriven, now_ms: i64) {
    execution.status = Status::Running;
    let interventions = execution.interventions.get_or_insert_default();
    let redrive = Redrive {
        at_ms: now_ms,
        token: redriven.token.clone(),
    };
    interventions.redriven(redriven.count, redrive);
    execution.main.prev = event.id;
    let Some(others) = execution.others.as_deref_mut() else {
        return;
    };
    let Some(fallen) = others.fallen.take() else {
        return;
    };
    let Fallen { frames, forks } = *fallen;
    for (id, mut frame) in frames {
        frame.prev = event.id;
        frame.retries = Vec::new();
        execution.variable_bytes += frame.variable_bytes();
        others.frames.insert(id, frame);
    }
    for (id, mut fork) in forks {
        fork.running = execution.children(id).len() as u64;
        // A state whose branches all ended well failed by itself: it begins anew.
        if !is_done(&fork) {
            phase::change(execution, id, Phase::Forked(Box::new(fork)));
        }
    }
}

fn is_done(fork: &Fork) -> bool {
    fork.running == 0 && fork.started >= fork.results.len() as u64
}
