//! What may be asked of TestState, in AWS's words.

use super::answer::Refusal;
use super::definition::Tested;
use super::{Request, Validation, shapes};
use serde_json::Value;

/// Whether the request may be made of this state.
pub(super) fn check(request: &Request<'_>, tested: &Tested) -> Result<(), Refusal> {
    let kind = tested.kind();
    let iterates = tested.is_one_of(&["Map", "Parallel"]);
    if request.mock.is_some() {
        if request.reveal_secrets {
            let what = "TestState does not support RevealSecrets when a mock is specified.";
            return Err(Refusal::validation(what));
        }
        if !iterates && kind != "Task" {
            let what = format!("State type '{kind}' is not supported when a mock is specified");
            return Err(Refusal::validation(&what));
        }
        return Ok(());
    }
    if request.map_iteration_failure_count.is_some() {
        let what =
            "TestState does not support MapIterationFailureCount when a mock is not specified.";
        return Err(Refusal::validation(what));
    }
    if iterates {
        let what = "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, \
                    Succeed, Fail, Choice]";
        return Err(Refusal::definition(what.to_owned()));
    }
    Ok(())
}

/// Whether a mocked result may be what the state yields.
pub(super) fn check_result(
    tested: &Tested,
    result: &Value,
    validation: Validation,
) -> Result<(), Refusal> {
    if tested.kind() != "Task" {
        return if result.is_array() {
            Ok(())
        } else {
            Err(Refusal::validation("Mocked result must be an array."))
        };
    }
    let (Some((kind, action)), true) = (tested.resource(), validation != Validation::None) else {
        return Ok(());
    };
    shapes::check(kind, action, result, validation == Validation::Strict)
        .map_err(|why| Refusal::validation(&format!("Mock result schema validation error: {why}")))
}
