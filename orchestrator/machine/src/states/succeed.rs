//! Succeed.
//!
//! ```text
//! StateEntered -> StateExited -> end of the frame
//! ```

use crate::data::effective_input;
use crate::decide::{Decider, Flow};

/// Ends the frame with success.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        effective_input(state, raw, lens)?.filtered(state.output_path.as_ref(), lens)
    });
    match evaluated {
        Some((_, Ok(output))) => decider.exit(frame, output, None),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}
