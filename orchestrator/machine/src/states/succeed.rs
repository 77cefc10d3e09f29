//! Succeed.
//!
//! ```text
//! StateEntered -> StateExited -> end of the frame
//! ```

use crate::data::pass_on;
use crate::decide::{Decider, Flow};

/// Ends the frame with success.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        pass_on(state, raw, (None, state.output.as_ref()), lens)
    });
    match evaluated {
        Some((_, Ok(leaving))) => decider.exit(frame, leaving, None),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}
