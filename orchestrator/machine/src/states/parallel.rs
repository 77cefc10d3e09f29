//! Parallel.
//!
//! ```text
//! StateEntered, or retry due -> ParallelStateStarted                (one frame for each branch)
//! branch ends                -> BranchSucceeded (internal)
//! last branch ends           -> ParallelStateSucceeded -> StateExited
//! branch fails               -> siblings aborted -> failure
//! ```

use crate::data::{Doc, arguments};
use crate::decide::{Decider, Flow};
use crate::errors;
use baton_language::program::StateId;
use baton_schemas::Payload;
use baton_schemas::history::EventKind;

/// Starts all branches.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32, branches: &[StateId]) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| arguments(state, raw, lens));
    let input = match evaluated {
        Some((_, Ok(input))) => input.into_payload(),
        Some((_, Err(error))) => return decider.fail_evaluation(frame, &error),
        None => return Ok(()),
    };
    if input.len() > decider.execution.limits.payload_bytes {
        let name = decider.state_of(frame).map_or("", |state| &*state.name);
        return decider.fail(frame, errors::too_large(name));
    }
    decider.emit(frame, EventKind::ParallelStateStarted, None)?;
    let last = decider
        .execution
        .others
        .as_ref()
        .map_or(0, |others| others.last);
    let first = last.saturating_sub(branches.len() as u32);
    for (child, start) in (first + 1..=last).zip(branches) {
        decider.ready.push_back((child, *start, input.clone()));
    }
    go_on(decider, frame)
}

/// Ends the state if no branch is left.
pub(crate) fn go_on(decider: &mut Decider<'_>, frame: u32) -> Flow {
    match decider
        .execution
        .frame(frame)
        .and_then(|frame| frame.fork())
    {
        Some(fork) if fork.running == 0 => {
            complete(decider, frame, EventKind::ParallelStateSucceeded)
        }
        _ => Ok(()),
    }
}

/// All branches or iterations ended well.
pub(super) fn complete(decider: &mut Decider<'_>, frame: u32, succeeded: EventKind) -> Flow {
    let (Some(state), Some(fork)) = (
        decider.state_of(frame),
        decider
            .execution
            .frame(frame)
            .and_then(|frame| frame.fork()),
    ) else {
        return Ok(());
    };
    let Some(result) = array(&fork.results, decider.execution.limits.payload_bytes) else {
        return decider.fail(frame, errors::too_large(&state.name));
    };
    let last = decider.execution.frame(frame).map_or(0, |frame| frame.prev);
    decider.emit_after(last, frame, succeeded, None)?;
    decider.finish(frame, Doc::Text(result))
}

/// The results as one array; `None` if it were longer than `bytes_max`.
fn array(results: &[Option<Payload>], bytes_max: usize) -> Option<Payload> {
    let mut text = String::from("[");
    for (index, result) in results.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(result.as_ref().map_or("null", Payload::as_str));
        if text.len() >= bytes_max {
            return None;
        }
    }
    text.push(']');
    Some(Payload::from_text(&text).expect("JSON texts between commas and brackets are JSON"))
}
