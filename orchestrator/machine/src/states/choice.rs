//! Choice.
//!
//! ```text
//! StateEntered -> StateExited -> Next of the first rule that matches, or Default
//!              -> failure: States.Runtime, if none matches
//! ```

use crate::context::Lens;
use crate::data::{effective_input, pass_on};
use crate::decide::{Decider, Flow};
use crate::errors;
use baton_language::EvalError;
use baton_language::program::{ChoiceBranch, Condition, Language, StateId};
use serde_json::Value;

/// Goes on by the first rule that matches.
pub(super) fn run(
    decider: &mut Decider<'_>,
    frame: u32,
    rules: &[ChoiceBranch],
    default: Option<StateId>,
) -> Flow {
    let evaluated = decider.with_lens(frame, |state, lens, raw| {
        let matched = match state.language {
            Language::JsonPath => {
                let input = effective_input(state, raw, lens)?;
                first(rules, lens, &input.view())?
            }
            Language::Jsonata => first(rules, lens, &Value::Null)?,
        };
        let (next, assign, output) = match matched {
            Some(rule) => (rule.next, &rule.assign, &rule.output),
            None => {
                let next = default.ok_or_else(no_match)?;
                (next, &state.assign, &state.output)
            }
        };
        let leaving = pass_on(state, raw, (assign.as_ref(), output.as_ref()), lens)?;
        Ok((leaving, next))
    });
    match evaluated {
        Some((_, Ok((leaving, next)))) => decider.exit(frame, leaving, Some(next)),
        Some((_, Err(error))) => decider.fail_evaluation(frame, &error),
        None => Ok(()),
    }
}

/// The first rule that matches.
fn first<'r>(
    rules: &'r [ChoiceBranch],
    lens: &Lens<'_>,
    input: &Value,
) -> Result<Option<&'r ChoiceBranch>, EvalError> {
    for rule in rules {
        let holds = match &rule.condition {
            Condition::Rule(rule) => lens.matches(rule, input)?,
            Condition::Expression(expression) => {
                lens.value_of_kind(expression, "boolean")? == Value::Bool(true)
            }
        };
        if holds {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

/// AWS's documentation has `States.NoChoiceMatched` for it; what AWS records is this.
fn no_match() -> EvalError {
    EvalError {
        error: errors::RUNTIME,
        cause: "Failed to transition out of the state. The state does not point to a next state."
            .to_owned(),
        location: None,
    }
}
