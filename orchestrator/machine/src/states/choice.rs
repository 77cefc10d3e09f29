//! Choice.
//!
//! ```text
//! StateEntered -> StateExited -> Next of the first rule that matches, or Default
//!              -> failure: States.NoChoiceMatched
//! ```

use crate::data::effective_input;
use crate::decide::{Decider, Flow};
use crate::errors;
use baton_language::EvalError;
use baton_language::program::{ChoiceBranch, StateId};

/// Goes on by the first rule that matches.
pub(super) fn run(
    decider: &mut Decider<'_>,
    frame: u32,
    rules: &[ChoiceBranch],
    default: Option<StateId>,
) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        let input = effective_input(state, raw, lens)?;
        let value = input.view();
        let mut next = None;
        for branch in rules {
            if lens.matches(&branch.rule, &value)? {
                next = Some(branch.next);
                break;
            }
        }
        let next = next.or(default).ok_or_else(no_match)?;
        drop(value);
        Ok((input.filtered(state.output_path.as_ref(), lens)?, next))
    });
    match evaluated {
        Some((_, Ok((output, next)))) => decider.exit(frame, output, Some(next)),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}

fn no_match() -> EvalError {
    EvalError {
        error: errors::NO_CHOICE_MATCHED,
        cause: "Failed to transition out of the state. The state does not point to a next state."
            .to_owned(),
    }
}
