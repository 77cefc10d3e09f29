//! Pass.
//!
//! ```text
//! StateEntered -> StateExited
//! ```

use crate::data::{Doc, effective_input};
use crate::decide::{Decider, Flow};
use serde_json::Value;

/// Passes the input, or `Result`, on.
pub(super) fn run(decider: &mut Decider<'_>, frame: u32, result: Option<&Value>) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| effective_input(state, raw, lens));
    match evaluated {
        Some((_, Ok(input))) => decider.finish(
            frame,
            result.map_or(input, |value| Doc::Value(value.clone())),
        ),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}
